//! The command line of packaging.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use argh::FromArgs;
use packaging::agreement;
use packaging::dist::{self, Ingredients};
use packaging::image::{self, Image, Origin};
use packaging::layout;
use packaging::platform::Platform;
use packaging::program;
use packaging::reference;
use quantity::Timestamp;

/// Builds images from the static programs, without a container engine, and the files of a
/// release.
#[derive(FromArgs)]
#[argh(
    error_code(0, "Done."),
    error_code(1, "Failed; standard error names the cause."),
    error_code(2, "An argument is invalid.")
)]
struct Args {
    #[argh(subcommand)]
    command: Command,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Image(MakeImages),
    Dist(Ingredients),
    ReleaseCheck(ReleaseCheck),
    Reference(Reference),
}

/// build the images of both programs: one OCI layout each, and an archive for each platform
#[derive(FromArgs)]
#[argh(subcommand, name = "image")]
struct MakeImages {
    /// folder that cargo builds into: TARGET/release/PROGRAM is looked for in it
    #[argh(option, default = "\"target\".into()")]
    programs: PathBuf,
    /// folder to write to
    #[argh(option, default = "\"dist/images\".into()")]
    output: PathBuf,
    /// platform such as linux/arm64; repeatable
    #[argh(option, from_str_fn(Platform::parse))]
    platform: Vec<Platform>,
    /// tag of the images
    #[argh(option)]
    tag: String,
    /// commit of the programs
    #[argh(option)]
    revision: String,
    /// time of that commit, in Unix seconds
    #[argh(option)]
    created: i64,
    /// URL of the sources
    #[argh(option)]
    source: Option<String>,
}

/// check that all places name the same version
#[derive(FromArgs)]
#[argh(subcommand, name = "release-check")]
struct ReleaseCheck {
    /// tag of the release, if it is one: v0.3.0
    #[argh(positional)]
    tag: Option<String>,
    /// the project's folder
    #[argh(option, default = "\".\".into()")]
    root: PathBuf,
}

/// write the reference pages of the programs, in docs/reference
#[derive(FromArgs)]
#[argh(subcommand, name = "reference")]
struct Reference {
    /// write nothing, name the pages that differ
    #[argh(switch)]
    check: bool,
}

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let args = match Args::from_args(&["packaging"], &typed) {
        Ok(args) => args,
        Err(exit) if exit.status.is_ok() => {
            say(exit.output.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(exit) => {
            let words: Vec<&str> = exit.output.split_whitespace().collect();
            eprintln!("packaging: {}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    let done = match args.command {
        Command::Image(command) => make_images(&command),
        Command::Dist(command) => make_release(&command),
        Command::ReleaseCheck(command) => check_release(&command),
        Command::Reference(command) => write_reference(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("packaging: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn write_reference(command: &Reference) -> Result<(), String> {
    let root = Path::new(".");
    if !command.check {
        return reference::write(root);
    }
    match reference::outdated(root)?.as_slice() {
        [] => Ok(()),
        pages => Err(format!(
            "not as `just generate` writes them: {}",
            pages.join(", ")
        )),
    }
}

fn make_images(command: &MakeImages) -> Result<(), String> {
    if command.platform.is_empty() {
        return Err("--platform: at least one was expected, such as linux/amd64".to_owned());
    }
    let origin = Origin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: command.revision.clone(),
        created: Timestamp::from_unix(command.created),
        source: command.source.clone(),
    };
    for program in program::ALL {
        let mut images = Vec::new();
        for &platform in &command.platform {
            let executable = platform.read(&command.programs, program.name)?;
            images.push(Image::new(program, platform, &executable, &origin));
        }
        let index = image::index(program, &images, &origin);
        let folder = command.output.join(program.name);
        layout::write(&folder, &index, &images, &command.tag)
            .map_err(|error| failed(&folder, &error))?;
        say(&format!("{} {}", folder.display(), index.digest));
        for image in &images {
            let name = format!("{}-{}.tar", program.name, image.platform.file_part());
            let path = command.output.join(name);
            layout::write_archive(&path, image, program.name, &command.tag)
                .map_err(|error| failed(&path, &error))?;
            say(&format!(
                "{} {} bytes compressed",
                path.display(),
                image.layer.bytes.len()
            ));
        }
    }
    Ok(())
}

fn make_release(command: &Ingredients) -> Result<(), String> {
    let files = dist::files(command)?;
    fs::create_dir_all(&command.output).map_err(|error| failed(&command.output, &error))?;
    for (name, bytes) in files {
        let path = command.output.join(name);
        fs::write(&path, &bytes).map_err(|error| failed(&path, &error))?;
        say(&format!("{} {} bytes", path.display(), bytes.len()));
    }
    Ok(())
}

fn check_release(command: &ReleaseCheck) -> Result<(), String> {
    let version = agreement::check(&command.root, command.tag.as_deref())
        .map_err(|problems| problems.join("\npackaging: "))?;
    say(&format!("all places name version {version}"));
    Ok(())
}

fn failed(path: &Path, problem: &dyn std::fmt::Display) -> String {
    format!("{}: {problem}", path.display())
}

/// Prints a line for scripts.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
