# The commands of every day; `just` lists them. tests/run is what counts.

_default:
    @just --list --unsorted

# one full turn of the demo, then exit
demo-once:
    cargo run --release -- demo --once

# the demo, until Ctrl-C
demo:
    cargo run --release -- demo

# what to run before a commit
check: fmt-check lint test

# unit and integration tests on SQLite
test *ARGS:
    cargo test --workspace --locked {{ARGS}}

# tests beside the code: just unit lifecycle
unit *FILTER:
    cargo test --workspace --locked --lib -- {{FILTER}}

# laws of the whole service: just e2e second_outcome
e2e *FILTER:
    cargo test --workspace --locked --test e2e -- {{FILTER}}

# what the pages say of the code: walls, data model, links
documents *FILTER:
    cargo test --workspace --locked --test documents -- {{FILTER}}

# adapters and rules, over recorded answers
feeds *FILTER:
    cargo test --workspace --locked --test all -- {{FILTER}}

# the client against loopback servers: proofs, audits, evidence, the program
client *FILTER:
    cargo test --workspace --locked --test proven --test audit --test evidence --test cli -- {{FILTER}}

# a real process, killed at random points
crash *FILTER:
    cargo test --workspace --locked --test crash -- {{FILTER}}

# everything, Postgres and other implementations too
test-all *ARGS:
    tests/run {{ARGS}}

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# documentation of every crate
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# licences, bans, sources, and advisories where their database can be fetched
deny:
    tests/run licences advisories

# signing, announcing and encoding next to the raw curve operations
bench *ARGS:
    cargo bench -p oracle-server --bench sign --locked -- {{ARGS}}

# everything matures in one second: rates, and what bounds them (JSON lines)
burst *ARGS:
    cargo run --release --locked -p oracle-tests --bin burst -- {{ARGS}}

# 64 keep-alive readers against the real server (JSON lines)
load *ARGS:
    cargo run --release --locked -p oracle-tests --bin load -- {{ARGS}}

# ten thousand readers who wait on streams, then on long polls (two minutes)
streams *ARGS:
    cargo run --release --locked -p oracle-tests --bin load -- streams {{ARGS}}

# Events made through the API
create *ARGS:
    cargo run --release --locked -p oracle-tests --bin load -- create {{ARGS}}

# ten thousand open events over twenty providers at 1 request/s (seven minutes)
scale *ARGS:
    cargo run --release --locked -p oracle-tests --bin scale -- {{ARGS}}

# sixty events of one source that says another thing each time (JSON lines)
flips *ARGS:
    cargo run --release --locked -p oracle-tests --bin flips -- {{ARGS}}

# a log of a million attestations, audited
audit *ARGS:
    cargo run --release --locked -p oracle-tests --bin audit -- {{ARGS}}

# read the vectors with @node-dlc/messaging
node:
    tests/run node

# the JavaScript client: types, vectors, loopback servers, the package
js:
    tests/run js

# the JavaScript client in Node and Chromium against the demo
browser:
    tests/run browser

# run the fuzz targets' seeds through the decoders (stable toolchain)
fuzz-seeds:
    cargo test -p oracle-schema --locked seed

# fuzz one decoder (needs a nightly toolchain and cargo-fuzz)
fuzz TARGET *ARGS:
    cd schema && cargo +nightly fuzz run {{TARGET}} {{ARGS}}
