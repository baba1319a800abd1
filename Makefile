# What one can do here. `make help` lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO ?= cargo
PYTHON ?= python3
# How many schedules `make sim` runs, and from which seed on.
SEEDS ?= 200000
FIRST ?= 0
FUZZ_SECONDS ?= 60
# Coverage instrumentation on the stable toolchain. The target is named so that build scripts go without it.
SANCOV = -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
TARGET = $(or $(CARGO_TARGET_DIR),target)
EXAMPLES = $(TARGET)/debug/examples
PROGRAMS = $(TARGET)/debug
DUCKDB = .venv-duckdb/bin/duckdb
# How many rounds `make crash` kills the pipeline in, and the seed of the moments.
ROUNDS ?= 50
SEED_OF_CRASHES ?= 1
# How long `make bench-local` loads the pipeline.
SECONDS ?= 60
SIM = $(CARGO) run --quiet --locked -p iguazu-sim --bin iguazu-sim --

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: programs
programs: ## Builds the programs `iguazu` and `loadgen` into target/debug, and says what took longest
	$(CARGO) build --quiet --locked --timings -p iguazu-local -p iguazu-loadgen
	@$(PYTHON) tests/local/build_times.py $(TARGET)

.PHONY: demo
demo: .venv-duckdb/installed programs ## Runs the whole pipeline on this machine, end to end, with a crash in the middle, and proves the result
	$(PYTHON) tests/local/demo.py $(PROGRAMS) target/demo $(DUCKDB)

.PHONY: crash
crash: programs ## Kills the pipeline in ROUNDS rounds (default 50) at random moments under load, and proves each result
	$(PYTHON) tests/local/crash.py $(PROGRAMS) target/crash --rounds $(ROUNDS) --seed $(SEED_OF_CRASHES)

.PHONY: check
check: ## Checks format and lints, without running anything
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features --quiet -- -D warnings

.PHONY: test
test: venv test-crates test-readers test-readers-delta test-readers-live test-producers test-errors test-crash test-sim sim-controls bench e2e ## Passes every test; installs what the tests need into .venv and target
	@echo "make test: everything passed"

.PHONY: test-crates
test-crates: venv duckdb ## Unit, property, golden and conformance tests, and the fuzz corpora for a bounded number of inputs
	$(CARGO) test --locked --workspace --all-features

.PHONY: test-readers
test-readers: .venv-readers/installed examples ## Writes a column of every type, and reads it back by pyarrow, DuckDB and Polars
	$(EXAMPLES)/every_type target/every_type
	.venv-readers/bin/python tests/readers/read_back.py target/every_type target/every_type/expected.ndjson

# Built like the tests are, so that nothing is compiled twice.
.PHONY: examples
examples:
	$(CARGO) build --quiet --locked --workspace --all-features --examples

.PHONY: test-readers-delta
test-readers-delta: .venv-readers/installed examples ## Publishes a table to Delta logs, and reads it back by delta-rs, DuckDB and Polars
	rm -rf target/published
	$(EXAMPLES)/published target/published
	.venv-readers/bin/python tests/readers/read_delta.py target/published

.PHONY: test-readers-live
test-readers-live: .venv-readers/installed examples ## Reads a table by pyarrow, DuckDB, Polars and delta-rs while it is compacted
	rm -rf target/live
	mkdir -p target
	.venv-readers/bin/python tests/readers/read_live.py target/live $(EXAMPLES)/live_table target/live

# The programs as the tests build them, so that nothing is compiled twice.
.PHONY: test-programs
test-programs:
	$(CARGO) build --quiet --locked --workspace --all-features --bins

.PHONY: test-producers
test-producers: .venv-producers/installed .venv-duckdb/installed test-programs ## Puts records by boto3, the AWS command line and as KPL aggregates, and queries them
	.venv-producers/bin/python tests/local/producers.py $(PROGRAMS) target/producers $(DUCKDB)

.PHONY: test-errors
test-errors: test-programs ## Starts the pipeline on this machine with all that can be wrong, a full disk included
	$(PYTHON) tests/local/errors.py $(PROGRAMS) target/errors

.PHONY: test-crash
test-crash: test-programs ## Kills the pipeline on this machine in three rounds at random moments under load, and proves each result
	$(PYTHON) tests/local/crash.py $(PROGRAMS) target/crash --rounds 3

.PHONY: test-spark
test-spark: .venv-spark/installed ## The same by Spark too; needs Java 17 and installs 500 MB, so it is no part of `make test`
	$(CARGO) run --quiet --locked -p iguazu-transform --example every_type -- target/every_type
	.venv-spark/bin/python tests/readers/read_back.py target/every_type target/every_type/expected.ndjson --spark

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

.PHONY: bench-transform
bench-transform: .venv-readers/installed ## Times invocations to Parquet, against serde with arrow and Python with pyarrow; builds for minutes at first
	$(CARGO) run --quiet --locked --profile measured -p iguazu-bench --bin bench-transform

.PHONY: bench-compact
bench-compact: .venv-readers/installed ## Times compaction against DuckDB, and counts what it reads and costs; builds for minutes at first
	$(CARGO) run --quiet --locked --profile measured -p iguazu-bench --bin bench-compact

.PHONY: bench-local
bench-local: ## Loads the pipeline on this machine for SECONDS (default 60) and says what each stage takes; builds for minutes at first
	$(CARGO) build --quiet --locked --profile measured -p iguazu-local -p iguazu-loadgen
	$(PYTHON) tests/local/bench.py $(TARGET)/measured target/bench-local --seconds $(SECONDS)

.PHONY: fuzz
fuzz: ## Fuzzes each target with libFuzzer for FUZZ_SECONDS (default 60); needs a C++ compiler, and builds for minutes at first
	cd tests/fuzz/libfuzzer && CARGO_TARGET_DIR=target RUSTFLAGS="$(SANCOV)" $(CARGO) build --locked --target $(HOST)
	cd tests/fuzz/libfuzzer && for target in invocation kpl event differential contract; do \
	  mkdir -p target/found/$$target && \
	  target/$(HOST)/debug/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -seed=1 \
	    -artifact_prefix=target/found/ target/found/$$target ../corpus/$$target || exit 1; \
	done

# The deployed programs over the real wire protocols. Built like the tests are, so that nothing is compiled twice.
E2E = $(PROGRAMS)/iguazu-e2e
# How long `make soak` loads, and the seed of all that goes wrong.
MINUTES ?= 10
SEED_OF_MISHAPS ?= 1

.PHONY: e2e
e2e: venv test-programs ## Loads the deployed programs over the wire for a minute, with faults, kills, freezes and reshards, and proves the result
	$(E2E) --seed $(SEED_OF_MISHAPS) --out target/e2e

.PHONY: e2e-control
e2e-control: venv test-programs ## Shows that the end-to-end proof finds a lost batch and a doubled commit
	$(PYTHON) tests/e2e/control.py $(E2E) target/e2e-control

.PHONY: soak
soak: venv test-programs ## As e2e, for MINUTES (default 10)
	$(E2E) --minutes $(MINUTES) --seed $(SEED_OF_MISHAPS) --out target/soak

.PHONY: venv
venv: .venv/installed ## Installs the S3 stand-in of the conformance tests into .venv

.venv/installed: tests/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

.venv-producers/installed: tests/requirements-producers.txt
	$(PYTHON) -m venv .venv-producers
	.venv-producers/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements-producers.txt
	touch $@

.venv-readers/installed: tests/requirements-readers.txt
	$(PYTHON) -m venv .venv-readers
	.venv-readers/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements-readers.txt
	touch $@

.venv-spark/installed: tests/requirements-readers.txt tests/requirements-spark.txt
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/pip install --quiet --disable-pip-version-check \
	  --requirement tests/requirements-readers.txt --requirement tests/requirements-spark.txt
	touch $@

.PHONY: duckdb
duckdb: .venv-duckdb/installed ## Installs the command line of DuckDB, which `iguazu query` runs, into .venv-duckdb

# The package starts the program from a script in Python, which an interrupt of a query would end: so it is started itself.
.venv-duckdb/installed: tests/requirements-duckdb.txt
	$(PYTHON) -m venv .venv-duckdb
	.venv-duckdb/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements-duckdb.txt
	cd .venv-duckdb/bin && ln -sf ../lib/python*/site-packages/duckdb_cli/duckdb duckdb
	touch $@

.PHONY: clean
clean: ## Deletes what was built and installed
	$(CARGO) clean
	rm -rf .venv .venv-duckdb .venv-producers .venv-readers .venv-spark
