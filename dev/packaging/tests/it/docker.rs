//! Images in a real Docker engine: a running one, or one that the test starts.

use std::fs;
use std::process::Command;
use std::time::Duration;

use e2e::{Process, TempDir, eventually, request, run, scratch, value_in};
use serde_json::Value;
use testbed::{Cluster, Node, Shape};

use crate::built::{PROGRAMS, TAG, archive, platform, programs, root};
use crate::registry::Registry;

/// A program that only root may execute.
fn as_root(program: &str) -> Command {
    let (_, user, _) = run(Command::new("id").arg("-u"), "");
    if user.trim() == "0" {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
}

/// Restrictions of every container here.
const LIMITS: [&str; 8] = [
    "--rm",
    "--network=host",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=32m",
    "--memory-swap=32m",
    "--pids-limit=64",
];

/// A Docker engine.
struct Engine {
    /// Its address, if the test started it.
    host: Option<String>,
    daemon: Option<Process>,
    folder: TempDir,
}

impl Engine {
    /// Returns the engine that `docker` reaches by default, or starts one.
    fn find() -> Self {
        let folder = scratch();
        let mut engine = Self {
            host: None,
            daemon: None,
            folder,
        };
        if engine.answers() {
            return engine;
        }
        let folder = engine.folder.path().to_owned();
        let host = format!("unix://{}/docker.sock", folder.display());
        // Networks and firewall stay as they are: the containers use the host's.
        let daemon = Process::start(
            // Its mounts are removed with it.
            as_root("unshare")
                .args(["--mount", "dockerd"])
                .arg(format!("--host={host}"))
                .arg(format!("--data-root={}", folder.join("data").display()))
                .arg(format!("--exec-root={}", folder.join("exec").display()))
                .arg(format!("--pidfile={}", folder.join("pid").display()))
                .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
                .arg("--storage-driver=vfs"),
        );
        engine.host = Some(host);
        engine.daemon = Some(daemon);
        for _ in 0..600 {
            if engine.answers() {
                return engine;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "no Docker engine answers, and dockerd does not start here. Run the tests as root on \
             a machine that may run containers, or start an engine and name it in DOCKER_HOST, or \
             exclude these tests: `just test --exclude packaging`. dockerd says:\n{}",
            engine.daemon.as_ref().map(Process::log).unwrap_or_default()
        );
    }

    fn docker(&self) -> Command {
        self.client("docker")
    }

    /// Returns the same engine with another client.
    fn client(&self, program: &str) -> Command {
        let mut docker = Command::new(program);
        if let Some(host) = &self.host {
            docker.env("DOCKER_HOST", host);
        }
        docker
    }

    fn answers(&self) -> bool {
        let (code, _, _) = run(self.docker().args(["info", "--format={{.ID}}"]), "");
        code == Some(0)
    }

    /// Runs `docker` and returns what it prints.
    fn say(&self, args: &[&str]) -> String {
        let (code, out, err) = run(self.docker().args(args), "");
        assert_eq!(code, Some(0), "docker {args:?}: {err}");
        out
    }

    fn inspect(&self, what: &str) -> Value {
        let described: Value = serde_json::from_str(&self.say(&["inspect", what])).expect("JSON");
        described[0].clone()
    }

    /// Loads the archive of a program's image; returns the image's name.
    fn load(&self, program: &str) -> String {
        let archive = archive(program).display().to_string();
        self.say(&["load", "--input", &archive]);
        format!("{program}:{TAG}")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            // This stops its containerd too.
            daemon.end_with("TERM");
        }
    }
}

/// A container, removed on drop.
struct Container<'a> {
    engine: &'a Engine,
    name: String,
    process: Process,
}

impl<'a> Container<'a> {
    fn start(engine: &'a Engine, image: &str, options: &[&str], args: &[&str]) -> Self {
        let name = format!("binbots-test-{}", std::process::id());
        let mut docker = engine.docker();
        docker.args(["run", "--name", &name]).args(LIMITS);
        let process = Process::start(docker.args(options).arg(image).args(args));
        Self {
            engine,
            name,
            process,
        }
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        run(self.engine.docker().args(["rm", "--force", &self.name]), "");
    }
}

#[test]
fn images_hold_one_file_and_no_root() {
    let engine = Engine::find();
    for (program, megabytes) in [("k8s-ai-exporter", 2.4), ("k8s-ai-agent", 3.6)] {
        let image = engine.inspect(&engine.load(program));
        let config = &image["Config"];
        assert_eq!(config["User"], "65532:65532");
        assert_eq!(config["Entrypoint"][0], format!("/{program}"));
        assert_eq!(config["Labels"]["org.opencontainers.image.title"], program);
        assert_eq!(
            config["Labels"]["org.opencontainers.image.created"],
            "2026-11-22T07:13:08Z"
        );
        let platform = format!(
            "{}/{}",
            image["Os"].as_str().expect("a system"),
            image["Architecture"].as_str().expect("an architecture")
        );
        assert_eq!(platform, self::platform().0);
        let layers = image["RootFS"]["Layers"].as_array().expect("layers");
        assert_eq!(layers.len(), 1);
        let size = image["Size"].as_f64().expect("bytes") / 1e6;
        assert!(size <= megabytes, "{program}: {size} MB of {megabytes}");
        // A container that is created but not started has the files of the image.
        let container = engine.say(&["create", image["Id"].as_str().expect("an id")]);
        let (code, tar, err) = run(
            Command::new("sh").args([
                "-c",
                r#"docker export "$0" | tar --list --verbose --numeric-owner | grep -v -e ' dev/' -e ' etc/' -e ' proc/' -e ' sys/' -e ' .dockerenv'"#,
                container.trim(),
            ])
            .envs(engine.host.iter().map(|host| ("DOCKER_HOST", host))),
            "",
        );
        engine.say(&["rm", container.trim()]);
        assert_eq!(code, Some(0), "{err}");
        let files: Vec<&str> = tar.lines().collect();
        assert_eq!(files.len(), 1, "{tar}");
        assert!(files[0].starts_with("-rwxr-xr-x 0/0"), "{tar}");
        assert!(files[0].ends_with(program), "{tar}");
    }
}

#[test]
fn images_run_unprivileged_in_32_mib() {
    let engine = Engine::find();
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a kernel");
    let cluster = Cluster::new()
        .node(
            Node::new("node-a")
                .shape(Shape::STEADY)
                .boot_id(boot_id.trim()),
        )
        .housekeeping(Duration::from_millis(500))
        .start()
        .expect("a cluster");
    let exporter = engine.load("k8s-ai-exporter");
    let mount =
        |file: &std::path::Path, name: &str| format!("--volume={}:/run/{name}:ro", file.display());
    let mut container = Container::start(
        &engine,
        &exporter,
        &[
            &mount(cluster.ca_file(), "ca.crt"),
            &mount(cluster.token_file(), "token"),
        ],
        &[
            "--listen-address=127.0.0.1:0",
            "--node-name=node-a",
            "--scrape-interval=1s",
            "--history=1h",
            "--ca-file=/run/ca.crt",
            "--token-file=/run/token",
            &format!("--api-server={}", cluster.url()),
        ],
    );
    let address = container.process.address();
    eventually("/readyz", || {
        (request(&address, "GET", "/readyz", &[], "").status == 200).then_some(())
    });

    let described = engine.inspect(&container.name);
    let host = &described["HostConfig"];
    assert_eq!(host["Memory"], 32 << 20, "{host}");
    assert_eq!(host["ReadonlyRootfs"], true);
    // The limits as the kernel applies them.
    let pid = described["State"]["Pid"].as_u64().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process here");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {status}")).trim()
    };
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!(field("NoNewPrivs:"), "1");
    assert!(field("Uid:").starts_with("65532"), "{}", field("Uid:"));

    let agent = engine.load("k8s-ai-agent");
    let url = format!("--prometheus-url=http://{address}");
    let report = eventually("a report", || {
        let args = [&url[..], "--lookback=10s", "--forecast=10s", "--step=1s"];
        let (code, out, err) = run(
            engine
                .docker()
                .arg("run")
                .args(LIMITS)
                .arg(&agent)
                .args(args),
            "",
        );
        // Exit code 4: the exporter has not completed two rounds.
        assert!(matches!(code, Some(0 | 4 | 5)), "{code:?}: {err}");
        (code == Some(0)).then_some(out)
    });
    assert!(report.contains("node-a"), "{report}");

    // OOM kills in another container are counted at each restart.
    let oom_kills = || {
        let metrics = request(&address, "GET", "/metrics", &[], "").text();
        value_in(&metrics, "k8s_node_oom_kills_total{node=\"node-a\"}").expect("a count")
    };
    let before = oom_kills();
    let mut folders = vec!["/usr", "/lib", "/lib64"];
    folders.retain(|folder| std::path::Path::new(folder).exists());
    for _ in 0..5 {
        let mut docker = engine.docker();
        docker.arg("run").args(LIMITS);
        // The image has no program that allocates without limit; this machine has.
        docker.args(
            folders
                .iter()
                .map(|each| format!("--volume={each}:{each}:ro")),
        );
        docker.args(["--entrypoint=/usr/bin/tail", &exporter, "/dev/zero"]);
        let (code, _, err) = run(&mut docker, "");
        assert_eq!(code, Some(137), "{err}");
    }
    let counted = oom_kills() - before;
    assert!(counted >= 5.0, "{counted} of 5 kills");

    let (_, code) = container.process.end_with("TERM");
    assert_eq!(code, Some(0), "{}", container.process.log());
}

#[test]
fn dockerfile_builds_both_images() {
    let engine = Engine::find();
    // Only what the stages without a base image need; the compiling stage pulls one.
    let context = scratch();
    let built = format!("target/{}/release", platform().1);
    fs::create_dir_all(context.path().join(&built)).expect("a folder");
    for file in ["Dockerfile", ".dockerignore"] {
        fs::copy(root().join(file), context.path().join(file)).expect("a file");
    }
    for program in PROGRAMS {
        let from = programs().join(platform().1).join("release").join(program);
        fs::copy(from, context.path().join(&built).join(program)).expect("a program");
    }
    for program in PROGRAMS {
        let tag = format!("built-{program}:{TAG}");
        let args = [
            "build",
            "--target",
            program,
            "--build-arg=PROGRAM=built",
            "--build-arg=REVISION=0123456789ab",
            &format!("--build-arg=TARGET={}", platform().1),
            "--tag",
            &tag,
            &context.path().display().to_string(),
        ]
        .map(str::to_owned);
        // Stages that are not needed must not be built, which takes BuildKit: Debian's
        // client has it, others need the plugin buildx.
        let clients = ["docker", "/usr/bin/docker"].map(|client| {
            let mut docker = engine.client(client);
            run(docker.env("DOCKER_BUILDKIT", "1").args(&args), "")
        });
        assert!(
            clients.iter().any(|(code, _, _)| *code == Some(0)),
            "{clients:?}"
        );
        let image = engine.inspect(&tag);
        let labels = &image["Config"]["Labels"];
        assert_eq!(labels["org.opencontainers.image.title"], program);
        assert_eq!(labels["org.opencontainers.image.revision"], "0123456789ab");
        assert_eq!(labels["org.opencontainers.image.licenses"], "Apache-2.0");
        assert_eq!(image["Config"]["User"], "65532:65532");
        assert_eq!(image["Config"]["Entrypoint"][0], format!("/{program}"));
        assert_eq!(image["RootFS"]["Layers"].as_array().map(Vec::len), Some(1));
        let mut args = vec!["run"];
        args.extend(LIMITS);
        args.extend([&tag[..], "--version"]);
        let version = engine.say(&args);
        assert!(version.starts_with(&format!("{program} ")), "{version}");
        engine.say(&["rmi", &tag]);
    }
}

#[test]
fn containerd_knows_image_names() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let socket = path("containerd.sock");
    let configuration = path("config.toml");
    fs::write(
        &configuration,
        format!(
            "version = 2\nroot = '{}'\nstate = '{}'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{socket}'\n",
            path("root"),
            path("state"),
        ),
    )
    .expect("a file");
    let mut containerd = Process::start(as_root("containerd").args(["--config", &configuration]));
    let ctr = |args: &[&str]| {
        let mut ctr = as_root("ctr");
        ctr.args(["--address", &socket, "--namespace", "k8s.io", "images"]);
        run(ctr.args(args), "")
    };
    eventually("containerd answers", || {
        (ctr(&["list"]).0 == Some(0)).then_some(())
    });
    for program in PROGRAMS {
        let archive = archive(program).display().to_string();
        let (code, out, err) = ctr(&["import", "--no-unpack", &archive]);
        assert_eq!(code, Some(0), "{out}{err}");
        let (_, names, _) = ctr(&["list", "--quiet"]);
        let name = format!("docker.io/library/{program}:{TAG}");
        assert!(names.lines().any(|line| line == name), "{name} in {names}");
    }
    containerd.end_with("TERM");
}

#[test]
fn docker_pulls_what_was_pushed() {
    let engine = Engine::find();
    let registry = Registry::start(&[]);
    registry.push(&[]).expect("an open registry");
    for program in PROGRAMS {
        let image = format!("{}/team/{program}:{TAG}", registry.address);
        engine.say(&["pull", "--quiet", &image]);
        let mut args = vec!["run"];
        args.extend(LIMITS);
        args.extend([&image[..], "--version"]);
        let version = engine.say(&args);
        assert!(version.starts_with(&format!("{program} ")), "{version}");
        engine.say(&["rmi", &image]);
    }
}
