SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help packages setup demo test

help: ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

packages: ## install what building needs besides Rust
	scripts/packages.sh

setup: ## install what the gate needs as well
	scripts/packages.sh test
	cargo xtask setup

demo: packages ## watch a fleet being patched
	cargo run --release --locked -p smith -- demo

test: setup ## run the whole gate
	cargo xtask ci
