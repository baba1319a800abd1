# What one can do here. `make help` lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO ?= cargo
PYTHON ?= python3
# How many schedules `make sim` runs, and from which seed on.
SEEDS ?= 200000
FIRST ?= 0
SIM = $(CARGO) run --quiet --locked -p iguazu-sim --bin iguazu-sim --

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## Checks format and lints, without running anything
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features --quiet -- -D warnings

.PHONY: test
test: venv test-crates test-sim sim-controls bench ## Passes every test; installs what the tests need into .venv and target
	@echo "make test: everything passed"

.PHONY: test-crates
test-crates: venv ## Unit, property, golden and conformance tests, and the fuzz corpora for a bounded count
	$(CARGO) test --locked --workspace --all-features

.PHONY: test-sim
test-sim: ## 200,000 simulated schedules
	$(SIM) run --seeds 200000

.PHONY: sim
sim: ## Simulates SEEDS schedules (default 200000) from seed FIRST (default 0) on
	$(SIM) run --seeds $(SEEDS) --first $(FIRST)

.PHONY: sim-replay
sim-replay: ## Prints the timeline of seed SEED; ONLY=<fault>,<fault> lets no other faults happen
	$(SIM) replay --seed $(or $(SEED),$(error which seed? make sim-replay SEED=42)) $(if $(ONLY),--only $(ONLY))

.PHONY: sim-controls
sim-controls: ## Shows the first seed that catches each negative control and each mutant of the protocol
	$(PYTHON) tests/sim/mutants/run.py

.PHONY: bench
bench: ## Counts the requests of a commit, for a warm and a cold container
	$(CARGO) run --quiet --locked -p iguazu-sim --bin bench-commit

.PHONY: venv
venv: .venv/installed ## Installs the S3 stand-in of the conformance tests into .venv

.venv/installed: tests/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

.PHONY: clean
clean: ## Deletes what was built and installed
	$(CARGO) clean
	rm -rf .venv
