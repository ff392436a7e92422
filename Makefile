# Every command a contributor needs. `make run` and `make test` do their own set-up.
# Needs Rust (the version in rust-toolchain.toml), Node.js 20 and Python 3.9 or newer.

.DEFAULT_GOAL := build
.PHONY: build run test check bench bench-signatures fuzz test-setup

LISTEN ?= 127.0.0.1:8080
DATA ?= ./data
ARGS ?= all

## The server, optimised: target/release/hookmill.
build:
	cargo build --release --locked --package hookmill-server

## Serves http://127.0.0.1:8080 with SQLite in ./data.
run: build
	./target/release/hookmill serve --data $(DATA) --listen $(LISTEN)

## Installs what the tests need where it is missing, then runs all of them.
test: test-setup
	cargo test --workspace --locked

test-setup:
	@./scripts/test-setup.sh

## Everything that must hold besides the tests.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked
	cargo check --manifest-path fuzz/Cargo.toml --locked --target-dir target
	node scripts/check-dependencies.mjs
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: licences were not checked"; fi

## The figures of docs/performance.md. A part of them: make bench ARGS="accept --database sqlite --seconds 5"
bench:
	cargo build --release --locked --package hookmill-server --package hookmill-bench
	./target/release/hookmill-bench $(ARGS)

## What it costs to judge one signed request of 1 KB, for every preset.
bench-signatures:
	cargo bench --locked --package hookmill-signatures --bench verify

## Every fuzz target for SECONDS each. Needs cargo-fuzz: cargo install cargo-fuzz --locked
SECONDS ?= 60
fuzz:
	@./fuzz/run.sh $(SECONDS)
