//! Images on disk: an OCI layout with every platform, and for each platform an
//! archive that Docker, containerd and Podman load.
//!
//! Formats: OCI image layout 1.0.0; Docker's archive of `docker save`, which is an
//! OCI layout in a tar file with a `manifest.json` beside it.
//!
//! Invariant: a node finds the images by the names in the manifests (held by
//! `containerd_knows_image_names`).

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::archive::{File, tar};
use crate::image::{Blob, INDEX, Image};

/// Annotation key of an image's tag in an index.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes an OCI layout to `folder`, replacing its content.
///
/// # Errors
/// Errors of the file system.
pub fn write(folder: &Path, index: &Blob, images: &[Image], tag: &str) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let files = files(index, images.iter(), json!({ REF_NAME: tag }));
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a file in the folder has a parent"))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Returns one image as an archive: `docker load`, `ctr images import`, `kind load image-archive`.
///
/// # Errors
/// Errors of the file system.
pub fn write_archive(path: &Path, image: &Image, name: &str, tag: &str) -> io::Result<()> {
    let reference = format!("{name}:{tag}");
    // containerd uses the name as it is, and a kubelet requests the full one.
    let full = format!("docker.io/library/{reference}");
    let names = json!({ "io.containerd.image.name": full, REF_NAME: tag });
    let mut files = files(&image.manifest, [image].into_iter(), names);
    let docker = json!([{
        "Config": blob_path(&image.config),
        "RepoTags": [reference],
        "Layers": [blob_path(&image.layer)],
    }]);
    files.push(("manifest.json".to_owned(), docker.to_string().into_bytes()));
    let files = files
        .into_iter()
        .map(|(path, bytes)| File::new(path, bytes));
    fs::write(path, tar(&files.collect::<Vec<_>>(), 0))
}

/// Returns the files of a layout whose only entry is `root`.
fn files<'a>(
    root: &Blob,
    images: impl Iterator<Item = &'a Image>,
    annotations: Value,
) -> Vec<(String, Vec<u8>)> {
    let mut entry = root.descriptor();
    entry["annotations"] = annotations;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [entry],
    });
    let mut files = vec![
        ("oci-layout".to_owned(), LAYOUT.as_bytes().to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (blob_path(root), root.bytes.clone()),
    ];
    for image in images {
        for blob in [&image.manifest, &image.config, &image.layer] {
            files.push((blob_path(blob), blob.bytes.clone()));
        }
    }
    // An archive's root is one of its images' manifests.
    files.sort();
    files.dedup();
    files
}

fn blob_path(blob: &Blob) -> String {
    format!("blobs/{}", blob.digest.replace(':', "/"))
}
