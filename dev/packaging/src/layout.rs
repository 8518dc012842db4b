//! Images on disk: an OCI layout with every platform, and for each platform an
//! archive that Docker, containerd and Podman load.
//!
//! Formats: OCI image layout 1.0.0; Docker's archive of `docker save`, which is an
//! OCI layout in a tar file with a `manifest.json` beside it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::archive::{File, tar};
use crate::image::{Blob, INDEX, Image, MANIFEST, sha256};

/// The key under which an index notes the tag of an image.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes an OCI layout to `folder`, in place of what is there.
///
/// # Errors
/// Whatever the file system reports.
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

/// One image as an archive: `docker load`, `ctr images import`, `kind load image-archive`.
///
/// # Errors
/// Whatever the file system reports.
pub fn write_archive(path: &Path, image: &Image, name: &str, tag: &str) -> io::Result<()> {
    let reference = format!("{name}:{tag}");
    // containerd takes the name as it is, and a kubelet asks for the full one.
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

/// The files of a layout whose only entry is `root`.
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

/// An OCI layout to read.
#[derive(Debug)]
pub struct Layout<'a>(&'a Path);

/// What a layout holds under one digest; the bytes are those of the digest.
#[derive(Debug)]
pub struct Stored {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A stored index or manifest.
#[derive(Debug)]
pub struct Document {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Value,
}

/// A layout that is not whole.
#[derive(Debug)]
pub struct BadLayout {
    /// The file that is missing or odd.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

impl std::error::Error for BadLayout {}

impl<'a> Layout<'a> {
    /// The layout in `folder`; nothing is read yet.
    pub fn open(folder: &'a Path) -> Self {
        Self(folder)
    }

    /// The index of the one image that the layout holds.
    ///
    /// # Errors
    /// When a file is missing, or is not what it should be.
    pub fn root(&self) -> Result<Document, BadLayout> {
        let path = Path::new("index.json");
        let top = self.parse(path, &self.read(path)?)?;
        match top["manifests"].as_array().map(Vec::as_slice) {
            Some([root]) => self.document(root),
            _ => Err(self.bad(path, "expected one image")),
        }
    }

    /// The index or manifest that a descriptor refers to.
    ///
    /// # Errors
    /// When it is missing, or is not what the descriptor says.
    pub fn document(&self, descriptor: &Value) -> Result<Document, BadLayout> {
        let Stored { digest, bytes } = self.blob(descriptor)?;
        let path = Path::new("blobs").join(digest.replace(':', "/"));
        let document = self.parse(&path, &bytes)?;
        match document["mediaType"].as_str() {
            Some(INDEX | MANIFEST) => Ok(Document {
                digest,
                bytes,
                document,
            }),
            _ => Err(self.bad(&path, "neither an image index nor a manifest")),
        }
    }

    /// What a descriptor refers to.
    ///
    /// # Errors
    /// When it is missing, or has another digest.
    pub fn blob(&self, descriptor: &Value) -> Result<Stored, BadLayout> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.bad(
                Path::new("index.json"),
                "a descriptor without a SHA-256 digest",
            ));
        }
        let path = Path::new("blobs/sha256").join(hex);
        let bytes = self.read(&path)?;
        if sha256(&bytes) != digest {
            return Err(self.bad(&path, "its digest is another than its name"));
        }
        Ok(Stored {
            digest: digest.to_owned(),
            bytes,
        })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, BadLayout> {
        fs::read(self.0.join(path)).map_err(|error| self.bad(path, &error.to_string()))
    }

    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<Value, BadLayout> {
        serde_json::from_slice(bytes).map_err(|error| self.bad(path, &error.to_string()))
    }

    fn bad(&self, path: &Path, problem: &str) -> BadLayout {
        BadLayout {
            file: self.0.join(path),
            problem: problem.to_owned(),
        }
    }
}
