//! The shipped programs for this machine and their images, built once per test run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::{cargo, run};

/// The shipped programs.
pub(crate) const PROGRAMS: [&str; 2] = ["k8s-ai-exporter", "k8s-ai-agent"];
/// Tag of the images.
pub(crate) const TAG: &str = "v0.0.0-test";
/// Time of their commit: 2026-11-22T07:13:08Z.
pub(crate) const CREATED: &str = "1795331588";

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate is at dev/packaging")
}

/// The platform of this machine, its target, and its name in files.
pub(crate) fn platform() -> (&'static str, &'static str, &'static str) {
    match std::env::consts::ARCH {
        "x86_64" => ("linux/amd64", "x86_64-unknown-linux-musl", "linux-amd64"),
        "aarch64" => ("linux/arm64", "aarch64-unknown-linux-musl", "linux-arm64"),
        other => panic!("no image is made for machines such as this: {other}"),
    }
}

/// The folder that cargo builds into.
fn target() -> PathBuf {
    // This test's program is in DEBUG/deps.
    let own = std::env::current_exe().expect("the path of this test");
    let target = own.ancestors().nth(3).expect("target/debug/deps/test");
    target.to_owned()
}

/// Returns the folder with the programs, built as for a release.
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let mut build = cargo(root().join("dev/scripts/build"));
        build.arg(platform().1).env("CARGO_TARGET_DIR", target());
        let (code, _, err) = run(&mut build, "");
        assert_eq!(code, Some(0), "{err}");
        target()
    })
}

/// The program of this crate.
pub(crate) fn packaging() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_packaging"));
    command.current_dir(root());
    command
}

/// Builds the images of both programs in `folder`.
pub(crate) fn make_images(folder: &Path) {
    let (code, _, err) = run(
        packaging()
            .args(["image", "--platform", platform().0, "--tag", TAG])
            .args(["--revision", "0123456789abcdef", "--created", CREATED])
            .arg("--programs")
            .arg(programs())
            .arg("--output")
            .arg(folder),
        "",
    );
    assert_eq!(code, Some(0), "{err}");
}

/// Returns an empty folder for this test run, kept until the next one.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The folder with the images of both programs.
pub(crate) fn images() -> &'static Path {
    static IMAGES: OnceLock<PathBuf> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let images = folder("images");
        make_images(&images);
        images
    })
}

/// The archive of a program's image.
pub(crate) fn archive(program: &str) -> PathBuf {
    images().join(format!("{program}-{}.tar", platform().2))
}
