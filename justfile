# Target of the shipped programs: static, for this machine's architecture.
musl := arch() + "-unknown-linux-musl"

# The revision that the programs report.
export BINBOTS_REVISION := `git rev-parse --short=12 HEAD 2>/dev/null || echo unknown`

version := `sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml`

# List the recipes.
default:
    @just --list --unsorted

# From nothing to recommendations on the screen: simulated cluster, exporter, agent (--prometheus: through a real one).
demo *options:
    dev/scripts/setup build {{ if options =~ "prometheus" { "prometheus" } else { "" } }}
    cargo build --release -p k8s-ai-exporter
    cargo build --release -p k8s-ai-agent
    cargo build -p e2e --bin demo
    target/debug/demo --exporter target/release/k8s-ai-exporter --agent target/release/k8s-ai-agent {{ options }}

# Install what the tests need, then run every test.
test *options:
    dev/scripts/setup build prometheus pushgateway helm chromium musl docker registry push shells bills
    dev/scripts/test {{ options }}

# Formatting, lints, documentation and workflows.
lint:
    dev/scripts/setup workflows
    .cache/workflows/bin/actionlint -color=false .github/workflows/*.yaml
    cargo fmt --all --check
    cargo fmt --manifest-path dev/fuzz/Cargo.toml --check
    cargo fmt --manifest-path dev/verify-prophet/Cargo.toml --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Licences, duplicate crates, banned crates and sources of every dependency.
deny:
    dev/scripts/setup deny
    cargo deny --locked check bans licenses sources

# Known vulnerabilities in dependencies (fetches the RustSec database).
advisories:
    dev/scripts/setup deny
    cargo deny --locked check advisories

# The static programs, as they are shipped.
release:
    dev/scripts/setup build musl
    dev/scripts/build {{ musl }}

# Build the static programs and hold them to their size budgets.
size: release
    dev/scripts/size target/{{ musl }}/release/k8s-ai-exporter 2400000
    dev/scripts/size target/{{ musl }}/release/k8s-ai-agent 3500000

# Images of both programs in dist/images, without a container engine: PLATFORMS="linux/amd64" TAG=v0.3.0 just image.
image:
    dev/scripts/package image

# Push what `image` made, over the registry's HTTP API: just push registry.example.org/team.
push registry *options:
    dev/scripts/setup push
    dev/scripts/push {{ trim_start_match(registry, "REGISTRY=") }} --tag "${TAG:-v{{ version }}}" {{ options }}

# Everything that a release offers for download, in dist/.
dist:
    dev/scripts/package dist

# Try the programs that `image` or `dist` built for other machines: static, right architecture, they run.
foreign:
    dev/scripts/setup qemu
    dev/scripts/foreign

# Whether another folder and an empty cache give the same images of this commit; builds everything anew.
reproducible:
    dev/scripts/reproducible

# Whether crates, chart, manifests and CHANGELOG name one version; with a tag: that one.
release-check *tag:
    cargo run --quiet --locked -p packaging -- release-check {{ tag }}

# Try a real cluster, the one that KUBECONFIG names: REGISTRY=… TAG=… just e2e.
e2e:
    dev/scripts/e2e

# What the exporter costs, against named peers in the same run.
bench: release
    dev/scripts/setup python
    cargo build --release -p bench --bin bench --target {{ musl }}
    BINBOTS_EXPORTER=target/{{ musl }}/release/k8s-ai-exporter BINBOTS_PYTHON=.cache/python/bin/python target/{{ musl }}/release/bench

# The exporter's open port among thousands of hostile clients, each kind for a while: takes some nine times the seconds.
siege seconds="60":
    dev/scripts/setup build musl
    cargo build --release --locked -p k8s-ai-exporter --target {{ musl }}
    cargo build --release -p e2e --bin siege
    sh -c 'ulimit -n 8192; exec target/release/siege "$@"' siege target/{{ musl }}/release/k8s-ai-exporter {{ seconds }}

# What one exporter for 5,000 nodes takes, some four minutes.
bench-fleet: release
    cargo build --release -p bench --bin bench --target {{ musl }}
    BINBOTS_EXPORTER=target/{{ musl }}/release/k8s-ai-exporter target/{{ musl }}/release/bench fleet

# What a cluster's API server has to bear, from measured bodies.
bench-load:
    cargo run --quiet -p bench --bin bench -- load

# Exporters under random troubles, for so many minutes after warming up for some twelve: no number may be wrong, nothing may grow.
soak minutes="60" *options:
    dev/scripts/setup build musl
    cargo build --release --locked -p k8s-ai-exporter --target {{ musl }}
    cargo build --locked -p e2e --bin soak
    target/debug/soak target/{{ musl }}/release/k8s-ai-exporter {{ minutes }} {{ options }}

# How good the agent's forecasts are and what they cost, against named peers in the same run.
bench-agent: release
    dev/scripts/setup prometheus prophet
    cargo build --release --locked -p bench --bin bench-agent --target {{ musl }}
    BINBOTS_AGENT=target/{{ musl }}/release/k8s-ai-agent BINBOTS_PYTHON=.cache/prophet/bin/python target/{{ musl }}/release/bench-agent

# Fuzz each reader of foreign bytes for some minutes, on nightly Rust; what is new to the corpus goes to dev/fuzz/found.
fuzz minutes="10":
    dev/scripts/setup fuzz
    dev/scripts/fuzz {{ minutes }}

# Produce anew the numbers of Python Prophet that the tests of crates/prophet hold ours against.
prophet-reference:
    dev/scripts/setup prophet
    .cache/prophet/bin/python crates/prophet/reference/produce.py

# Hold crates/prophet against Stan in WebAssembly; builds wasmtime, some minutes when nothing is cached.
verify-prophet:
    dev/scripts/setup build
    CARGO_TARGET_DIR=target/verify-prophet cargo test --quiet --locked --manifest-path dev/verify-prophet/Cargo.toml

# Write deploy/, helm/ and docs/reference/ from their typed source.
generate:
    cargo run --quiet --locked -p manifestgen -- generate
    cargo run --quiet --locked -p packaging -- reference

# Name each file of deploy/, helm/ and docs/reference/ that differs from what `generate` would write.
check:
    cargo run --quiet --locked -p manifestgen -- check
    cargo run --quiet --locked -p packaging -- reference --check

# Apply deploy/ in order: REGISTRY=registry.example.org/team TAG=v0.3.0 just deploy.
deploy:
    dev/scripts/cluster deploy

# Delete what `deploy` applied; never the namespace.
undeploy:
    dev/scripts/cluster undeploy

# Install or upgrade the chart: just helm-install dev, or prod; REGISTRY and TAG as with deploy.
helm-install environment:
    dev/scripts/cluster helm-install {{ environment }}

# The demo, with the programs as they are shipped.
demo-shipped *options: release
    cargo build -p e2e --bin demo
    target/debug/demo --exporter target/{{ musl }}/release/k8s-ai-exporter --agent target/{{ musl }}/release/k8s-ai-agent {{ options }}

# Everything that CI runs.
ci: lint deny check test size (demo-shipped "--seconds 25") verify-prophet
