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
# What checks dependencies, in a version that knows the edition and the lock file. It is built once, in a minute or two.
CARGO_DENY_VERSION = 0.20.2
CARGO_DENY = $(TARGET)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
# The contracts that `make package` packs, and what it builds for.
CONTRACTS ?= contracts
ARCHS ?= x86_64 arm64
# How long `make bench-local` loads the pipeline.
SECONDS ?= 60
# What `make cost` is told, such as COST="--json" or COST="--window 60 --schedule 15 --age 365".
COST ?=
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
check: check-dependencies check-terraform ## Checks format, lints, dependencies and the Terraform module, without running anything
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features --quiet -- -D warnings

.PHONY: test
test: venv test-crates test-readers test-readers-delta test-readers-live test-producers test-errors test-package test-crash e2e test-sim sim-controls bench ## Passes every test; installs what the tests need into .venv and target
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

# The environment that Terraform plans and deploys, and the bucket that keeps its state.
STATE_REGION ?= eu-central-1
ENVIRONMENTS = terraform/environments
TERRAFORM = terraform -chdir=$(ENVIRONMENTS)/root
TFVARS = $(ENVIRONMENTS)/$(or $(ENV),$(error which environment? make $@ ENV=dev)).tfvars
# The value of a variable of the environment's file.
tfvar = $(shell sed -n 's/^$(1) *= *"\(.*\)"$$/\1/p' $(TFVARS))
# How many seconds `make e2e-aws` loads the stream, and how many it then waits for the lake to hold everything.
E2E_SECONDS ?= 120
E2E_WAIT ?= 1800

.PHONY: contracts-layer
contracts-layer: ## Publishes dist/contracts.zip as a Lambda layer for ENV, unless it is there already; says its ARN
	@test -f dist/contracts.zip -a -f dist/tables.json || { echo "dist has no contracts.zip or no tables.json: make package"; exit 1; }
	@$(PYTHON) terraform/publish_contracts.py iguazu-$(ENV)-contracts $(call tfvar,region) dist/contracts.zip > dist/$(ENV).layer
	@cat dist/$(ENV).layer

.PHONY: terraform-init
terraform-init:
	$(TERRAFORM) init -input=false -reconfigure \
	  -backend-config=bucket=$(or $(STATE_BUCKET),$(error which bucket keeps the state? make $@ ENV=$(ENV) STATE_BUCKET=…)) \
	  -backend-config=region=$(STATE_REGION) -backend-config=key=iguazu/$(ENV).tfstate

.PHONY: plan
plan: contracts-layer terraform-init ## Plans the deployment of ENV from dist, with the state in STATE_BUCKET; VARS names a further file of variables
	$(TERRAFORM) plan -input=false -var-file=../$(ENV).tfvars $(if $(VARS),-var-file=$(abspath $(VARS))) \
	  -var=contracts_layer_arn=$$(cat dist/$(ENV).layer) -out=$(CURDIR)/dist/$(ENV).plan

.PHONY: deploy
deploy: terraform-init ## Makes what `make plan` has planned for ENV
	@test -f dist/$(ENV).plan || { echo "there is no plan of $(ENV): make plan ENV=$(ENV)"; exit 1; }
	$(TERRAFORM) apply -input=false $(CURDIR)/dist/$(ENV).plan
	rm dist/$(ENV).plan

.PHONY: destroy
destroy: terraform-init ## Takes ENV down, after a question; what is protected stays, and Terraform says so
	$(TERRAFORM) destroy -var-file=../$(ENV).tfvars $(if $(VARS),-var-file=$(abspath $(VARS))) \
	  $(if $(wildcard dist/$(ENV).layer),-var=contracts_layer_arn=$$(cat dist/$(ENV).layer))

.PHONY: e2e-aws
e2e-aws: test-programs terraform-init ## Loads the deployed stream of ENV for E2E_SECONDS and proves the lake; costs money, and was never run by the authors
	rm -rf target/e2e-aws
	@set -e; output() { $(TERRAFORM) output -raw $$1; }; AWS_REGION=$$(output region); export AWS_REGION; set -x; \
	  $(PROGRAMS)/loadgen run --out target/e2e-aws --stream $$(output stream_name) --contracts $(or $(CONTRACTS),contracts) \
	    --seed $$(date +%s) --seconds $(E2E_SECONDS); \
	  $(PROGRAMS)/loadgen verify --run target/e2e-aws --bucket $$(output bucket) --ledger-table $$(output ledger_table) \
	    --contracts $(or $(CONTRACTS),contracts) --wait $(E2E_WAIT)

.PHONY: test-terraform
test-terraform: ## Tests the Terraform module at plan time, nothing is made; needs Terraform 1.11 and the provider, so it is no part of `make test`
	terraform fmt -check -recursive -diff terraform
	cd terraform && terraform init -backend=false -input=false && terraform validate && terraform test
	for folder in examples/simple examples/complete environments/root; do \
	  terraform -chdir=terraform/$$folder init -backend=false -input=false && terraform -chdir=terraform/$$folder validate || exit 1; \
	done

.PHONY: compare-plans
compare-plans: ## Plans both environments and compares what they are made of; needs an account too, and makes nothing
	$(PYTHON) terraform/tests/same_plans.py

.PHONY: check-terraform
check-terraform: .venv-terraform/installed ## Looks for what is unsafe in the Terraform module, by checkov, and whether its page is up to date
	$(PYTHON) terraform/docs.py --check
	.venv-terraform/bin/checkov --directory terraform --framework terraform --skip-download --skip-path terraform/tests --compact --quiet

.PHONY: terraform-docs
terraform-docs: ## Writes the tables of inputs and outputs of terraform/README.md
	$(PYTHON) terraform/docs.py

.PHONY: terraform-tables
terraform-tables: test-programs ## Writes the tables that the Terraform examples carry
	$(PROGRAMS)/iguazu contract ddl contracts/orders.toml --json > terraform/examples/complete/tables.json
	$(PROGRAMS)/iguazu contract ddl --built-in events --json > terraform/examples/simple/tables.json

.venv-terraform/installed: tests/requirements-terraform.txt
	$(PYTHON) -m venv .venv-terraform
	.venv-terraform/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements-terraform.txt
	touch $@

.PHONY: package
package: .venv-package/installed test-programs ## Packages the functions for Lambda into dist, for ARCHS (default both), with the layer of CONTRACTS (default contracts); REPRODUCE=1 builds twice, and compares
	.venv-package/bin/python packaging/package.py --iguazu $(PROGRAMS)/iguazu --target $(TARGET)/package \
	  --contracts $(CONTRACTS) $(ARCHS:%=--arch %) $(if $(REPRODUCE),--reproduce)

.PHONY: test-package
test-package: ## Tests what packaging decides, without building anything
	$(PYTHON) packaging/tests.py

.venv-package/installed: packaging/requirements.txt
	$(PYTHON) -m venv .venv-package
	.venv-package/bin/pip install --quiet --disable-pip-version-check --requirement packaging/requirements.txt
	touch $@

# cargo-deny reads what it checks where cargo keeps it, so cargo fetches first, and nothing else is asked of the network.
.PHONY: check-dependencies
check-dependencies: $(CARGO_DENY) ## Checks the dependencies' licences, versions and sources against deny.toml
	$(CARGO) fetch --locked --quiet
	$(CARGO) fetch --locked --quiet --manifest-path tests/fuzz/libfuzzer/Cargo.toml
	$(CARGO_DENY) --offline --locked check licenses bans sources
	$(CARGO_DENY) --offline --locked --manifest-path tests/fuzz/libfuzzer/Cargo.toml check licenses bans sources

.PHONY: advisories
advisories: $(CARGO_DENY) ## Checks the dependencies against the database of known defects, which it fetches from GitHub
	$(CARGO_DENY) --locked check advisories
	$(CARGO_DENY) --locked --manifest-path tests/fuzz/libfuzzer/Cargo.toml check advisories

# Without the libraries that the system may have, and not optimised: it is built for longer than it ever runs.
$(CARGO_DENY):
	$(CARGO) install --quiet --locked --debug --no-default-features --config profile.dev.debug=false \
	  --root $(TARGET)/tools/cargo-deny-$(CARGO_DENY_VERSION) --target-dir $(TARGET)/tools/build cargo-deny@$(CARGO_DENY_VERSION)
	rm -rf $(TARGET)/tools/build
.PHONY: cost
cost: ## Counts requests and measures CPU time, and prints what the pipeline costs on AWS; builds for minutes at first
	$(CARGO) run --quiet --locked --profile measured -p iguazu-bench --bin cost -- $(COST)
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
	rm -rf dist .venv .venv-duckdb .venv-package .venv-producers .venv-readers .venv-spark .venv-terraform
