//! OCI images of one program: a layer with one file, configuration and manifest. Pure: the
//! same program, platform and origin give the same bytes.
//!
//! Formats: OCI image specification 1.1, <https://github.com/opencontainers/image-spec>.
//! Out of scope: storing and pushing images.
//!
//! Invariant: images run without privileges and without a writable file, in 32 MiB (held by
//! `images_run_unprivileged_in_32_mib`).

use quantity::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::archive::{File, gzip, tar};
use crate::platform::Platform;
use crate::program::Program;

/// User and group of the programs; numeric, because a scratch image has no names.
const USER: &str = "65532:65532";

/// Media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The origin of an image, for its labels.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Release.
    pub version: String,
    /// Commit.
    pub revision: String,
    /// Time of the commit, so that every build of a commit gives the same image.
    pub created: Timestamp,
    /// URL of the sources, if known.
    pub source: Option<String>,
}

/// Content addressed by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its media type.
    pub media_type: &'static str,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self {
            media_type,
            digest: format!("sha256:{}", sha256(&bytes)),
            bytes,
        }
    }

    fn document(media_type: &'static str, document: &Value) -> Self {
        Self::new(media_type, document.to_string().into_bytes())
    }

    /// Returns the descriptor that other documents refer to it by.
    pub fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.bytes.len(),
        })
    }
}

/// Returns the SHA-256 digest in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect()
}

/// The image of one program for one platform.
#[derive(Debug, Clone)]
pub struct Image {
    /// The platform it runs on.
    pub platform: Platform,
    /// The file system: one file, compressed.
    pub layer: Blob,
    /// User, entry point, labels.
    pub config: Blob,
    /// The manifest of layer and configuration.
    pub manifest: Blob,
}

impl Image {
    /// Returns the image of `executable`.
    pub fn new(program: Program, platform: Platform, executable: &[u8], origin: &Origin) -> Self {
        // Without a date, so that the layer changes only if the program does.
        let files = tar(&[File::executable(program.name, executable)], 0);
        let layer = Blob::new(LAYER, gzip(&files));
        let files_digest = format!("sha256:{}", sha256(&files));
        let config = Blob::document(CONFIG, &config(program, platform, &files_digest, origin));
        let manifest = Blob::document(
            MANIFEST,
            &json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config.descriptor(),
                "layers": [layer.descriptor()],
                "annotations": labels(program, origin),
            }),
        );
        Self {
            platform,
            layer,
            config,
            manifest,
        }
    }
}

/// Returns the index of the images of all platforms.
pub fn index(program: Program, images: &[Image], origin: &Origin) -> Blob {
    let entry = |image: &Image| {
        let mut entry = image.manifest.descriptor();
        entry["platform"] = platform(image.platform);
        entry
    };
    Blob::document(
        INDEX,
        &json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": images.iter().map(entry).collect::<Vec<_>>(),
            "annotations": labels(program, origin),
        }),
    )
}

fn platform(platform: Platform) -> Value {
    let mut value = json!({ "os": "linux", "architecture": platform.architecture });
    if let Some(variant) = platform.variant {
        value["variant"] = variant.into();
    }
    value
}

fn config(program: Program, of: Platform, files: &str, origin: &Origin) -> Value {
    let entry_point = format!("/{}", program.name);
    let created = origin.created.to_string();
    let mut config = platform(of);
    config["created"] = json!(created);
    config["config"] = json!({
        "User": USER,
        "Entrypoint": [entry_point],
        "WorkingDir": "/",
        "Labels": labels(program, origin),
    });
    if let Some(port) = program.port {
        config["config"]["ExposedPorts"] = json!({ format!("{port}/tcp"): {} });
    }
    config["rootfs"] = json!({ "type": "layers", "diff_ids": [files] });
    config["history"] = json!([{ "created": created, "created_by": format!("COPY {} {entry_point}", program.name) }]);
    config
}

/// The predefined annotation keys of the specification.
fn labels(program: Program, origin: &Origin) -> Value {
    let mut labels = json!({
        "org.opencontainers.image.title": program.name,
        "org.opencontainers.image.description": program.command_line.summary,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": origin.version,
        "org.opencontainers.image.revision": origin.revision,
        "org.opencontainers.image.created": origin.created.to_string(),
    });
    if let Some(source) = &origin.source {
        labels["org.opencontainers.image.source"] = source.as_str().into();
    }
    labels
}
