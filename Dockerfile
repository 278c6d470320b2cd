# One image per unit: docker build --target gateway --tag code-keeper/gateway:0.1.0 .
# Targets: gateway, inventory, billing, standalone, load. For amd64 and arm64 use `docker buildx build --platform …`; every stage is
# built on the platform it is for. Only what BuildKit's own frontend knows: no `syntax` line that would fetch another.
ARG RUST_IMAGE=rust:1.95-slim-trixie
# glibc, certificates, time zones, a non-root user; no shell and no package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# The workspace with every source file emptied. Its content, and so the cache of the next stage, changes only with a manifest,
# the lock file or the set of crates.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/src/lib.rs' ! -path '*/src/main.rs' -delete \
 && find . -path '*/src/lib.rs' -exec truncate --size=0 {} + \
 && echo 'fn main() {}' >/tmp/main.rs \
 && find . -path '*/src/main.rs' -exec cp /tmp/main.rs {} \;

# The units by name: the crate of the tests is a member of the workspace, but only its manifest is here.
FROM ${RUST_IMAGE} AS dependencies
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --locked --release -p gateway -p inventory -p billing -p standalone -p load

FROM dependencies AS build
COPY . .
# Cargo compares times: the sources have to be newer than what was built of the emptied ones.
RUN find . -name '*.rs' -exec touch {} + \
 && cargo build --locked --release -p gateway -p inventory -p billing -p standalone -p load \
 && mkdir /data

# What the images have in common.
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="Code Keeper" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A container's own network: all of its interfaces, and logs for a machine to read.
ENV KEEPER_HTTP__ADDRESS=0.0.0.0 \
    KEEPER_MANAGEMENT__ADDRESS=0.0.0.0 \
    KEEPER_LOG__FORMAT=json
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM

FROM runtime AS gateway
LABEL org.opencontainers.image.title="code-keeper gateway" \
      org.opencontainers.image.description="The public API: movies and orders"
COPY --from=build /src/target/release/gateway /usr/local/bin/gateway
EXPOSE 3000 3100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/gateway", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/gateway"]
CMD ["serve"]

FROM runtime AS inventory
LABEL org.opencontainers.image.title="code-keeper inventory" \
      org.opencontainers.image.description="The movie catalogue, on PostgreSQL"
COPY --from=build /src/target/release/inventory /usr/local/bin/inventory
EXPOSE 8080 8180
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/inventory", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/inventory"]
CMD ["serve"]

FROM runtime AS billing
LABEL org.opencontainers.image.title="code-keeper billing" \
      org.opencontainers.image.description="Orders from RabbitMQ to the ledger, on PostgreSQL"
COPY --from=build /src/target/release/billing /usr/local/bin/billing
EXPOSE 8081 8181
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/billing", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/billing"]
CMD ["serve"]

FROM runtime AS standalone
LABEL org.opencontainers.image.title="code-keeper standalone" \
      org.opencontainers.image.description="All of Code Keeper in one process, data in SQLite files under /data"
COPY --from=build /src/target/release/standalone /usr/local/bin/standalone
# An empty directory that belongs to the user, so that a new volume does too.
COPY --from=build --chown=65532:65532 /data /data
ENV KEEPER_STORAGE__DIRECTORY=/data
VOLUME /data
EXPOSE 3000 3100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/standalone", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/standalone"]
CMD ["serve"]

# Customers, to watch the others at work. It serves nothing.
FROM runtime AS load
LABEL org.opencontainers.image.title="code-keeper load" \
      org.opencontainers.image.description="A load generator: customers of the public API"
COPY --from=build /src/target/release/load /usr/local/bin/load
ENTRYPOINT ["/usr/local/bin/load"]
