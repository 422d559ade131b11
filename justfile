# The commands of this repository. `.ci/run` runs those that every change must pass. CONTRIBUTING.md
# describes the commands.

# The packages below have their own workspaces. They share the crate's build output, so that each
# common dependency is built once.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", justfile_directory() / "target")

packages := "benches/instructions benches/peers benches/presets benches/queues benches/queues/peers tests/coming_from tests/field tests/job_queues tests/limits tests/ops tests/otel tests/pages tests/public_api"
strict := "-- -D warnings"

# The Rust version that writes public-api.txt. Other versions have other auto traits, or another
# format of rustdoc's JSON.

api_rust := "1.95"

set shell := ["bash", "-euo", "pipefail", "-c"]

# Lists the recipes.
default:
    @just --list --unsorted

# Runs every check, as CI does.
ci:
    .ci/run

# Checks the formatting of all packages.
fmt:
    cargo fmt --all -- --check
    for package in {{ packages }}; do cargo fmt --manifest-path $package/Cargo.toml -- --check; done

# Runs clippy on all packages with all features.
clippy:
    cargo clippy --workspace --all-targets --all-features --locked {{ strict }}
    for package in {{ packages }}; do \
        cargo clippy --manifest-path $package/Cargo.toml --all-targets --all-features --locked {{ strict }}; \
    done

# Runs clippy with each feature alone, and without features.
features:
    cargo hack clippy --workspace --each-feature --exclude-all-features --locked {{ strict }}

# Builds the documentation.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

# Checks licences, sources, duplicates and the number of dependencies.
dependencies:
    cargo deny --workspace --all-features --locked check --hide-inclusion-graph bans licenses sources
    @crates=$(cargo tree -e normal --prefix none --locked | sed 's/ (.*//' | sort -u | wc -l) && \
        echo "$crates crates in a default build" && test "$crates" -le 15

# Checks the dependencies for known vulnerabilities. Needs a database from the network.
advisories:
    cargo deny --workspace --all-features --locked check advisories

# Compiles the library with the lowest versions of its dependencies.
minimal-versions:
    #!/usr/bin/env bash
    set -euo pipefail
    # Only an unstable flag selects the lowest versions. RUSTC_BOOTSTRAP allows it on a
    # stable toolchain. Development dependencies are left out, because users don't build them.
    folder="$CARGO_TARGET_DIR/minimal-versions/package"
    rm -rf "$folder" && mkdir -p "$folder"
    cp -r src README.md "$folder"
    awk '/^\[/ { left_out = /dev-dependencies\]$|^\[\[|^\[workspace\]/ } !left_out' Cargo.toml > "$folder/Cargo.toml"
    cd "$folder"
    RUSTC_BOOTSTRAP=1 cargo -Z direct-minimal-versions generate-lockfile
    CARGO_TARGET_DIR=../target cargo check --all-features --locked

# Compares the public API with public-api.txt.
api:
    #!/usr/bin/env bash
    set -euo pipefail
    if [[ $(rustc --version) != "rustc {{ api_rust }}."* ]]; then
        echo "skipped: public-api.txt is the output of Rust {{ api_rust }}, and other versions differ"
        exit 0
    fi
    just public-api
    diff --unified=0 public-api.txt "$CARGO_TARGET_DIR/public-api.txt" || {
        echo "The public API differs. If this is intended, run: just api-update"
        exit 1
    }

# Writes the public API to public-api.txt.
api-update: public-api
    cp "$CARGO_TARGET_DIR/public-api.txt" public-api.txt

# Writes the public API to target/public-api.txt, from the JSON of rustdoc.
[private]
public-api:
    #!/usr/bin/env bash
    set -euo pipefail
    # The JSON is unstable. RUSTC_BOOTSTRAP allows it on a stable toolchain. Only rustdoc gets the
    # variable: build scripts that read it would otherwise run again.
    wrapper="$CARGO_TARGET_DIR/rustdoc-json"
    mkdir -p "$CARGO_TARGET_DIR"
    printf '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n' > "$wrapper" && chmod +x "$wrapper"
    RUSTDOC="$wrapper" cargo rustdoc --quiet --lib --all-features --locked -- \
        -Z unstable-options --output-format json --cap-lints allow
    cargo run --quiet --locked --manifest-path tests/public_api/Cargo.toml -- \
        "$CARGO_TARGET_DIR/doc/tower_recourse.json" > "$CARGO_TARGET_DIR/public-api.txt"

# Compiles the code on each page as a reader would paste it.
pages page="":
    cargo run --quiet --locked --manifest-path tests/pages/Cargo.toml -- {{ page }}

# Runs the programs on the pages for users of other crates, with these crates.
coming-from page="":
    cargo test --doc --quiet --locked --manifest-path tests/coming_from/Cargo.toml -- {{ page }}

# Builds the package that would be published.
package:
    cargo package --locked --allow-dirty

# Runs the loom models of the atomics.
loom filter="loom":
    RUSTFLAGS="--cfg recourse_loom" CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom" \
        cargo test --release --lib --locked {{ filter }}

# Runs the model test of the breaker with 25,000 cases per property. `test` runs 2,000.
model:
    #!/usr/bin/env bash
    set -euo pipefail
    # Only these crates need optimisation. The others come from the build of the tests.
    optimised=$(printf -- '--config profile.dev.package.%s.opt-level=2 ' tower-recourse proptest rand_chacha)
    PROPTEST_CASES=25000 cargo test --all-features --locked --test breaker_model $optimised

# Runs each example.
examples:
    #!/usr/bin/env bash
    set -euo pipefail
    run() {
        name=$1 && shift
        echo "-- $name $*"
        cargo run --quiet --all-features --locked --example "$name" -- "$@" > "$CARGO_TARGET_DIR/$name.txt"
        tail -n 8 "$CARGO_TARGET_DIR/$name.txt"
    }
    for script in outage blip half-dead; do
        run outage --script "$script" --seconds 5 --out "$CARGO_TARGET_DIR/outage-$script.html"
    done
    for example in examples/*; do
        name=$(basename "$example" .rs)
        [[ $name == outage ]] || run "$name"
    done

# Counts the instructions of the main paths. More than 3 % above the expected count is an error.
instructions:
    cargo bench --manifest-path benches/instructions/Cargo.toml --locked

# Runs the comparison with other crates and that of the observers, shortened.
peers:
    cargo run --release --features observers --locked --manifest-path benches/peers/Cargo.toml -- \
        --quick --out "$CARGO_TARGET_DIR/peers.svg" > "$CARGO_TARGET_DIR/peers.txt"
    head -n 3 "$CARGO_TARGET_DIR/peers.txt"

# Checks that the presets keep their rule in the simulation.
presets:
    cargo test --release --locked --manifest-path benches/presets/Cargo.toml
    cargo run --release --locked --manifest-path benches/presets/Cargo.toml -- --check

# Checks the presets against real servers, shortened.
field:
    cargo test --release --quiet --locked --manifest-path tests/field/Cargo.toml
    cargo run --release --quiet --locked --manifest-path tests/field/Cargo.toml -- --short

# Tests the layers with the limits of other crates.
limits:
    cargo test --quiet --locked --manifest-path tests/limits/Cargo.toml

# Tests the spans and the page on OpenTelemetry with OpenTelemetry's SDK.
otel:
    cargo test --quiet --locked --manifest-path tests/otel/Cargo.toml

# Runs the programs of the pages on apalis and graphile_worker. Needs Debian's `postgresql`.
job-queues:
    cargo test --doc --quiet --locked --manifest-path tests/job_queues/Cargo.toml

# Tests the durable retries, and runs their example. Needs Debian's package `postgresql`.
defer:
    cargo test --quiet --package tower-recourse-defer --all-features --locked
    cargo run --quiet --package tower-recourse-defer --locked --example retry_worker

# Kills workers, fronts and the database more often than `defer` does. Takes about 5 minutes.
defer-full:
    DEFER_FULL=1 cargo test --package tower-recourse-defer --all-features --locked --test processes -- --nocapture

# Tests the rules, the dashboard and the runbook with Prometheus. Needs Debian's `prometheus`.
ops:
    cargo test --quiet --locked --manifest-path tests/ops/Cargo.toml

# Runs the tests by the command that the README gives.
test:
    @grep -m 1 '^cargo test' README.md
    @$(grep -m 1 '^cargo test' README.md)

# Mutates the code that .cargo/mutants.toml lists. Each mutant must fail a test. Takes hours.
mutants *arguments:
    cargo mutants {{ arguments }}

# Compares the public API with the last release, by the rules of semantic versioning.
semver:
    cargo semver-checks --all-features
