# Target of the shipped programs: static, for this machine's architecture.
musl := arch() + "-unknown-linux-musl"

# The revision that the programs report.
export BINBOTS_REVISION := `git rev-parse --short=12 HEAD 2>/dev/null || echo unknown`

version := `sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml`

# List the recipes.
default:
    @just --list --unsorted

# Show exporter and agent on a simulated cluster; --prometheus: with a real Prometheus.
[group('use')]
demo *options:
    dev/scripts/setup build {{ if options =~ "prometheus" { "prometheus" } else { "" } }}
    cargo build --release -p k8s-ai-exporter
    cargo build --release -p k8s-ai-agent
    cargo build -p e2e --bin demo
    target/debug/demo --exporter target/release/k8s-ai-exporter --agent target/release/k8s-ai-agent {{ options }}

# The demo with the static programs.
[group('use')]
demo-shipped *options: release
    cargo build -p e2e --bin demo
    target/debug/demo --exporter target/{{ musl }}/release/k8s-ai-exporter --agent target/{{ musl }}/release/k8s-ai-agent {{ options }}

# Install what the tests need, then run every test.
[group('check')]
test *options:
    dev/scripts/setup build prometheus pushgateway helm chromium musl docker registry push shells bills
    dev/scripts/test {{ options }}

# Check formatting, lints, documentation and workflows.
[group('check')]
lint:
    dev/scripts/setup workflows
    .cache/workflows/bin/actionlint -color=false .github/workflows/*.yaml
    cargo fmt --all --check
    cargo fmt --manifest-path dev/fuzz/Cargo.toml --check
    cargo fmt --manifest-path dev/verify-prophet/Cargo.toml --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Name the generated files that differ from what `generate` would write.
[group('check')]
check:
    cargo run --quiet --locked -p manifestgen -- check
    cargo run --quiet --locked -p packaging -- reference --check

# Build the book in target/book; `test` checks its links and commands.
[group('check')]
book:
    dev/scripts/setup book
    .cache/mdbook/bin/mdbook build

# Check licences, duplicates, bans and sources of all dependencies.
[group('check')]
deny:
    dev/scripts/setup deny
    cargo deny --locked check bans licenses sources

# Check dependencies for known vulnerabilities.
[group('check')]
advisories:
    dev/scripts/setup deny
    cargo deny --locked check advisories

# Build the static programs and check their size budgets.
[group('check')]
size: release
    dev/scripts/size target/{{ musl }}/release/k8s-ai-exporter 2200000
    dev/scripts/size target/{{ musl }}/release/k8s-ai-agent 3100000

# Run everything that CI runs.
[group('check')]
ci: lint deny check book test size (demo-shipped "--seconds 25") verify-prophet

# Fuzz each reader of foreign bytes (nightly Rust); new inputs go to dev/fuzz/found.
[group('check')]
fuzz minutes="10":
    dev/scripts/setup fuzz
    dev/scripts/fuzz {{ minutes }}

# Run exporters under random disruptions: just soak MINUTES [SEED [MILLISECONDS]].
[group('check')]
soak minutes="60" *options:
    dev/scripts/setup build musl
    cargo build --release --locked -p k8s-ai-exporter --target {{ musl }}
    cargo build --locked -p e2e --bin soak
    target/debug/soak target/{{ musl }}/release/k8s-ai-exporter {{ minutes }} {{ options }}

# Run thousands of hostile clients against the exporter's port: nine attacks.
[group('check')]
siege seconds="60":
    dev/scripts/setup build musl
    cargo build --release --locked -p k8s-ai-exporter --target {{ musl }}
    cargo build --release -p e2e --bin siege
    sh -c 'ulimit -n 8192; exec target/release/siege "$@"' siege target/{{ musl }}/release/k8s-ai-exporter {{ seconds }}

# Compare crates/prophet with Stan in WebAssembly.
[group('check')]
verify-prophet:
    dev/scripts/setup build
    CARGO_TARGET_DIR=target/verify-prophet cargo test --quiet --locked --manifest-path dev/verify-prophet/Cargo.toml

# Write deploy/, helm/ and docs/reference/ from their typed source.
[group('generate')]
generate:
    cargo run --quiet --locked -p manifestgen -- generate
    cargo run --quiet --locked -p packaging -- reference

# Draw the pictures of docs/pictures/ from the demo.
[group('generate')]
pictures:
    dev/scripts/setup build chromium
    cargo build --release -p k8s-ai-exporter
    cargo build --release -p k8s-ai-agent
    cargo build -p e2e --bin demo
    mkdir -p target/pictures
    target/debug/demo --exporter target/release/k8s-ai-exporter --agent target/release/k8s-ai-agent --seconds 120 --reports target/pictures
    dev/scripts/pictures target/pictures docs/pictures

# Write the forecasts of Python Prophet for the tests of crates/prophet.
[group('generate')]
prophet-reference:
    dev/scripts/setup prophet
    .cache/prophet/bin/python crates/prophet/reference/produce.py

# Test the cluster of KUBECONFIG: REGISTRY=… TAG=… just e2e.
[group('cluster')]
e2e:
    dev/scripts/e2e

# Apply deploy/ in order: REGISTRY=registry.example.org/team TAG=v0.3.0 just deploy.
[group('cluster')]
deploy:
    dev/scripts/cluster deploy

# Delete what `deploy` applied; never the namespace.
[group('cluster')]
undeploy:
    dev/scripts/cluster undeploy

# Install or upgrade the chart: just helm-install dev, or prod.
[group('cluster')]
helm-install environment:
    dev/scripts/cluster helm-install {{ environment }}

# Build the static programs.
[group('ship')]
release:
    dev/scripts/setup build musl
    dev/scripts/build {{ musl }}

# Build images in dist/images: PLATFORMS="linux/amd64" TAG=v0.3.0 just image.
[group('ship')]
image:
    dev/scripts/package image

# Push the images to a registry: just push registry.example.org/team.
[group('ship')]
push registry *options:
    dev/scripts/setup push
    dev/scripts/push {{ trim_start_match(registry, "REGISTRY=") }} --tag "${TAG:-v{{ version }}}" {{ options }}

# Write all files of a release to dist/.
[group('ship')]
dist:
    dev/scripts/package dist

# Run the programs built for other architectures, in emulation.
[group('ship')]
foreign:
    dev/scripts/setup qemu
    dev/scripts/foreign

# Check that a second build of this commit gives the same images.
[group('ship')]
reproducible:
    dev/scripts/reproducible

# Check that crates, chart, manifests and CHANGELOG name one version, or that of a tag.
[group('ship')]
release-check *tag:
    cargo run --quiet --locked -p packaging -- release-check {{ tag }}

# Compare the exporter's costs with named peers.
[group('measure')]
bench: release
    dev/scripts/setup python
    cargo build --release -p bench --bin bench --target {{ musl }}
    BINBOTS_EXPORTER=target/{{ musl }}/release/k8s-ai-exporter BINBOTS_PYTHON=.cache/python/bin/python target/{{ musl }}/release/bench

# Measure one exporter for 5,000 nodes, some four minutes.
[group('measure')]
bench-fleet: release
    cargo build --release -p bench --bin bench --target {{ musl }}
    BINBOTS_EXPORTER=target/{{ musl }}/release/k8s-ai-exporter target/{{ musl }}/release/bench fleet

# Compute the load on a cluster's API server from measured bodies.
[group('measure')]
bench-load:
    cargo run --quiet -p bench --bin bench -- load

# Compare the agent's forecasts and costs with named peers.
[group('measure')]
bench-agent: release
    dev/scripts/setup prometheus prophet
    cargo build --release --locked -p bench --bin bench-agent --target {{ musl }}
    BINBOTS_AGENT=target/{{ musl }}/release/k8s-ai-agent BINBOTS_PYTHON=.cache/prophet/bin/python target/{{ musl }}/release/bench-agent
