# The image of one program:
#
#     docker build --target k8s-ai-exporter .
#     docker build --target k8s-ai-agent .
#
# Both programs are compiled in a container, once. After `just release`,
# `--build-arg PROGRAM=built` takes them from target/ (`--build-arg TARGET=…`, the
# default is x86_64-unknown-linux-musl) and pulls nothing.
# `--build-arg REVISION=$(git rev-parse --short=12 HEAD)` names the commit in
# `--version` and in the label.

ARG PROGRAM=compiled

FROM rust:1-alpine AS compiled
ARG REVISION=unknown
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
# One after the other: built together they share features and are larger.
RUN export BINBOTS_REVISION="$REVISION" CARGO_BUILD_TARGET="$(uname -m)-unknown-linux-musl" \
 && cargo build --release --locked -p k8s-ai-exporter \
 && cargo build --release --locked -p k8s-ai-agent \
 && cp target/*/release/k8s-ai-exporter target/*/release/k8s-ai-agent /

FROM scratch AS built
ARG TARGET=x86_64-unknown-linux-musl
COPY target/${TARGET}/release/k8s-ai-exporter target/${TARGET}/release/k8s-ai-agent /

FROM ${PROGRAM} AS programs

FROM scratch AS image
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="$REVISION"
USER 65532:65532

FROM image AS k8s-ai-exporter
LABEL org.opencontainers.image.title="k8s-ai-exporter" \
      org.opencontainers.image.description="CPU, memory and active pods of a Kubernetes node as Prometheus metrics"
COPY --from=programs /k8s-ai-exporter /k8s-ai-exporter
EXPOSE 9100
ENTRYPOINT ["/k8s-ai-exporter"]

FROM image AS k8s-ai-agent
LABEL org.opencontainers.image.title="k8s-ai-agent" \
      org.opencontainers.image.description="Forecasts CPU and memory of Kubernetes nodes and recommends actions"
COPY --from=programs /k8s-ai-agent /k8s-ai-agent
ENTRYPOINT ["/k8s-ai-agent"]
