//! What a stranger downloads: images, and what a release holds beside them.
//!
//! 1. [`image`] puts a static program into an image, byte for byte the same for the
//!    same program and commit (pure); [`platform`] knows for which machines.
//! 2. [`layout`] keeps images on disk: an OCI layout with every platform, and an
//!    archive for each.
//! 3. [`push`] carries a layout to a registry.
//!
//! In scope: no container engine, no daemon, no root. Out of scope: building the
//! programs, which is cargo's, and signing, which is cosign's.

pub mod credentials;
pub mod image;
pub mod layout;
pub mod platform;
pub mod push;
