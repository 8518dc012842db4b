//! Images, and the other files of a release.
//!
//! 1. [`image`] puts a static [`program`] into an image, byte for byte the same for
//!    the same program and commit (pure); [`platform`] knows for which machines.
//! 2. [`layout`] keeps images on disk: an OCI layout with every platform, and an
//!    archive for each.
//! 3. [`dist`] gathers a release: [`dependencies`] reads what a program is made of,
//!    [`bill`] and [`licences`] write it down, manual pages and completions come from
//!    the tables of flags, [`release`] packs all of it (pure).
//! 4. [`agreement`] and [`changelog`]: whether everything names the same version.
//!
//! In scope: no container engine, no daemon, no root. Out of scope: building the
//! programs, which is cargo's, carrying images to a registry, which is skopeo's, and
//! signing, which is cosign's.
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
