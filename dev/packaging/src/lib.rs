//! Images, and the other files of a release.
//!
//! 1. [`image`] puts a static [`program`] into an image, byte for byte the same for
//!    the same program and commit (pure); [`platform`] lists the platforms.
//! 2. [`layout`] writes images to disk: an OCI layout with every platform, and an
//!    archive for each.
//! 3. [`dist`] collects a release: [`dependencies`] reads a program's packages, [`bill`]
//!    and [`licences`] document them, manual pages and completions are generated from the
//!    tables of flags, [`release`] packs all of it (pure).
//! 4. [`agreement`] and [`changelog`] check that all files name the same version.
//!
//! It needs no container engine, daemon or root. Out of scope: building the programs
//! (cargo), pushing images (skopeo), signing (cosign).
//!
//! Invariant: the same programs give the same images and release, byte for byte (held by
//! `images_and_release_are_reproducible`); the same commit gives the same programs (held by
//! `just reproducible`).

pub mod agreement;
pub mod archive;
pub mod bill;
pub mod changelog;
pub mod dependencies;
pub mod dist;
pub mod image;
pub mod layout;
pub mod licences;
pub mod platform;
pub mod program;
pub mod reference;
pub mod release;
