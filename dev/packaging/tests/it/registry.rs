//! `just push` to Debian's docker-registry, without and with authentication.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{Answer, Process, TempDir, eventually, free_port, request, run, scratch};
use packaging::image::sha256;
use serde_json::Value;

use crate::built::{PROGRAMS, TAG, images, root};

/// `tester` with the password of [`PASSWORD`], as bcrypt.
const USERS: &str = "tester:$2b$04$EbeqDHO9fBmxazkJHzvaReUNcIg8ee4slzgSMOD/G14pzjbiLL3Cm\n";
const PASSWORD: &str = "correct horse";
/// The same as a client sends it: base64 of `tester:correct horse`.
const AUTHORIZATION: &str = "Authorization: Basic dGVzdGVyOmNvcnJlY3QgaG9yc2U=";

/// The command of `just push`.
fn push() -> Command {
    Command::new(root().join("dev/scripts/push"))
}

/// An empty registry.
pub(crate) struct Registry {
    /// Host and port.
    pub(crate) address: String,
    folder: TempDir,
    _process: Process,
}

impl Registry {
    /// Starts a registry with these settings.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = scratch();
        let address = format!("127.0.0.1:{}", free_port());
        let configuration = folder.path().join("config.yml");
        let storage = folder.path().join("storage");
        fs::write(
            &configuration,
            format!(
                "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n\
                 storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
                storage.display()
            ),
        )
        .expect("a file");
        fs::write(folder.path().join("users"), USERS).expect("a file");
        let process = Process::start(
            Command::new("docker-registry")
                .arg("serve")
                .arg(&configuration)
                .current_dir(folder.path())
                .env("OTEL_TRACES_EXPORTER", "none")
                .envs(settings.iter().copied()),
        );
        eventually("the registry answers", || {
            std::net::TcpStream::connect(&address).ok()
        });
        Self {
            address,
            folder,
            _process: process,
        }
    }

    /// Starts a registry with Basic authentication.
    fn closed() -> Self {
        Self::start(&[
            ("REGISTRY_AUTH", "htpasswd"),
            ("REGISTRY_AUTH_HTPASSWD_REALM", "test"),
            ("REGISTRY_AUTH_HTPASSWD_PATH", "users"),
        ])
    }

    /// Pushes both images with these flags; returns standard output, or standard error on failure.
    pub(crate) fn push(&self, flags: &[&str]) -> Result<Vec<String>, String> {
        self.push_from(images(), flags)
    }

    fn push_from(&self, images: &Path, flags: &[&str]) -> Result<Vec<String>, String> {
        let to = format!("{}/team", self.address);
        let (code, out, err) = run(
            push()
                .args([&to, "--tag", TAG, "--plain-http", "--images"])
                .arg(images)
                .args(flags)
                // Only the credentials that a test stored.
                .env("DOCKER_CONFIG", self.folder.path()),
            "",
        );
        match code {
            Some(0) => Ok(out.lines().map(str::to_owned).collect()),
            _ => Err(err),
        }
    }

    fn get(&self, path: &str, headers: &[&str]) -> Answer {
        request(&self.address, "GET", path, headers, "")
    }

    /// Reads back what was pushed, from the tag to the last blob.
    fn holds(&self, program: &str, digest: &str, headers: &[&str]) {
        let path = |kind: &str, what: &str| format!("/v2/team/{program}/{kind}/{what}");
        let mut accepting = headers.to_vec();
        accepting.extend([
            "Accept: application/vnd.oci.image.index.v1+json",
            "Accept: application/vnd.oci.image.manifest.v1+json",
        ]);
        let index = self.get(&path("manifests", TAG), &accepting);
        assert_eq!(index.status, 200, "{}", index.text());
        assert_eq!(format!("sha256:{}", sha256(&index.body)), digest);
        let manifests = index.json()["manifests"].clone();
        for entry in manifests.as_array().expect("manifests") {
            let digest = entry["digest"].as_str().expect("a digest");
            let manifest = self.get(&path("manifests", digest), &accepting).json();
            let layers = manifest["layers"].as_array().expect("layers");
            for blob in layers.iter().chain([&manifest["config"]]) {
                let digest = blob["digest"].as_str().expect("a digest");
                let stored = self.get(&path("blobs", digest), headers);
                assert_eq!(stored.status, 200);
                assert_eq!(format!("sha256:{}", sha256(&stored.body)), digest);
            }
        }
    }
}

/// The digest that `push` prints for a program, and that its layout has.
fn digest_of(program: &str, printed: &[String]) -> String {
    let line = printed.iter().find(|line| line.contains(program));
    let (_, digest) = line
        .and_then(|line| line.split_once('@'))
        .expect("a digest");
    let index = images().join(program).join("index.json");
    let index: Value = serde_json::from_slice(&fs::read(index).expect("a layout")).expect("JSON");
    assert_eq!(index["manifests"][0]["digest"], digest);
    digest.to_owned()
}

#[test]
fn pushed_images_keep_their_digests() {
    let registry = Registry::start(&[]);
    let printed = registry.push(&[]).expect("an open registry");
    for program in PROGRAMS {
        registry.holds(program, &digest_of(program, &printed), &[]);
    }
    let again = registry.push(&[]).expect("all of it is there already");
    assert_eq!(again, printed);
}

#[test]
fn push_reads_password_from_file() {
    let registry = Registry::closed();
    let problem = registry.push(&[]).expect_err("anonymous");
    assert_eq!(problem.lines().count(), 1, "{problem}");
    assert!(problem.contains(&registry.address), "{problem}");

    let file = registry.folder.path().join("password");
    let flags = [
        "--user",
        "tester",
        "--password-file",
        &file.display().to_string(),
    ];
    fs::write(&file, "hunter2\n").expect("a file");
    let problem = registry.push(&flags).expect_err("a wrong password");
    assert!(!problem.contains("hunter2"), "{problem}");

    fs::write(&file, format!("{PASSWORD}\n")).expect("a file");
    let printed = registry.push(&flags).expect("the right password");
    registry.holds(
        "k8s-ai-agent",
        &digest_of("k8s-ai-agent", &printed),
        &[AUTHORIZATION],
    );
}

#[test]
fn push_uses_stored_docker_login() {
    let registry = Registry::closed();
    let (_, stored) = AUTHORIZATION.rsplit_once(' ').expect("a value");
    fs::write(
        registry.folder.path().join("config.json"),
        format!(
            r#"{{"auths": {{"{}": {{"auth": "{stored}"}}}}}}"#,
            registry.address
        ),
    )
    .expect("a file");
    registry.push(&[]).expect("a stored password");
}

#[test]
fn damaged_layout_is_not_pushed() {
    let registry = Registry::start(&[]);
    let copy = scratch();
    let (code, _, err) = run(
        Command::new("cp")
            .arg("-r")
            .arg(images().join("k8s-ai-exporter"))
            .arg(copy.path()),
        "",
    );
    assert_eq!(code, Some(0), "{err}");
    let blobs = copy.path().join("k8s-ai-exporter/blobs/sha256");
    let blobs = fs::read_dir(blobs)
        .expect("blobs")
        .map(|entry| entry.expect("a blob").path());
    let layer = blobs.max_by_key(|path| fs::metadata(path).map_or(0, |meta| meta.len()));
    let layer = layer.expect("a layer");
    let mut bytes = fs::read(&layer).expect("a layer");
    bytes.truncate(bytes.len() / 2);
    fs::write(&layer, bytes).expect("a file");

    let problem = registry
        .push_from(copy.path(), &[])
        .expect_err("half a layer");
    let digest = layer.file_name().expect("a name").to_string_lossy();
    assert!(problem.contains(&*digest), "{problem}");
}

#[test]
fn absent_registry_is_one_line() {
    let to = format!("127.0.0.1:{}/team", free_port());
    let (code, _, err) = run(
        push()
            .args([&to, "--tag", TAG, "--plain-http", "--images"])
            .arg(images()),
        "",
    );
    assert_eq!(code, Some(1));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains(&to.replace("/team", "")), "{err}");
}
