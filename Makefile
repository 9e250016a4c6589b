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

demo: ## watch a fleet being patched: real machines as root, simulated ones otherwise
	scripts/packages.sh demo
	if [[ $$(id -u) == 0 ]]; then cargo xtask dist; fi
	cargo run --release --locked -p smith -- demo $(DEMO)

test: setup ## run the whole gate
	cargo xtask ci
