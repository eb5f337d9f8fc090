# Two commands do everything: `make demo` runs the main job, `make test` runs the tests.
# `make demo DIR=/some/folder` backs up that folder; `make demo ARGS=--exit` stops when the story is told.

PROFILE ?= release
PROGRAM := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/countersign

.PHONY: demo test lint unit simulate nightly acceptance portal demo-test bench bench-repository restic help

help:
	@sed -n 's/^# //p' Makefile

demo: restic
	cargo build --locked --profile $(PROFILE) -p countersign
	$(PROGRAM) demo $(if $(DIR),--dir "$(DIR)") $(ARGS)

test: lint unit acceptance demo-test

lint:
	cargo fmt --all --check
	cd bench && cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

# On a PostgreSQL server of its own. The attacks on repositories are made with the restic of the current Debian.
RESTIC := target/newer-restic/usr/bin/restic
unit: $(RESTIC)
	COUNTERSIGN_RESTIC="$(CURDIR)/$(RESTIC)" scripts/with-postgres cargo test --locked --workspace

$(RESTIC):
	scripts/debian-packages trixie target/newer-restic restic

# Servers, clients and faults drawn from so many seeds; one that fails says how to replay it.
SEEDS ?= 0..200
simulate:
	COUNTERSIGN_SEEDS=$(SEEDS) cargo test --locked -p server --test sim nothing_is_lost -- --nocapture

# The decision against the naive model in millions of cases, more seeds of the simulation, and the attacks with the restic
# that is installed.
CASES ?= 2000000
nightly: restic
	cargo test --locked -p server --test it attacks
	COUNTERSIGN_CASES=$(CASES) cargo test --locked --release -p rbac --test differential
	$(MAKE) simulate SEEDS=0..5000

# The real az CLI, the Azure SDKs, restic and Chromium against a real process; and several processes on one PostgreSQL server.
# What needs no PostgreSQL and takes long runs beside the rest, the portal in Chromium above all: most of it waits. ONLY="-k words"
# picks tests.
BESIDE := $(addprefix tests/acceptance/,portal test_damage.py test_full_disk.py test_import.py test_views.py)
PYTEST := env COUNTERSIGN_BIN=target/debug/countersign target/test-tools/venv/bin/pytest
acceptance:
	scripts/install-test-tools
	cargo build --locked -p countersign
	@$(PYTEST) $(BESIDE) $(ONLY) >target/beside.log 2>&1 & beside=$$!; \
	scripts/with-postgres $(PYTEST) tests/acceptance $(addprefix --ignore=,$(BESIDE)) $(ONLY); rest=$$?; \
	wait $$beside; beside=$$?; cat target/beside.log; exit $$((rest | beside))

# Only the part of it that looks at the portal, in Chromium. The pages' pictures are in target/portal/screens; UPDATE=1 agrees
# to how the pages read now.
portal:
	scripts/install-test-tools
	cargo build --locked -p countersign
	COUNTERSIGN_BIN=target/debug/countersign UPDATE_GOLDEN=$(UPDATE) target/test-tools/venv/bin/pytest tests/acceptance/portal

# The story that `make demo` tells, on free ports: it fails when a step does not end as it should.
demo-test: restic
	cargo build --locked -p countersign
	target/debug/countersign demo --exit --data target/demo-data --listen 127.0.0.1:0 --graph-listen 127.0.0.1:0

# Peers and limits in the same run. Each prints its tables, keeps them as target/bench/*.md, and says which limits do not
# hold; all are run before it fails.
BENCHES ?= decision write revocation rest start purge portal
bench:
	cargo build --locked --release -p countersign
	cargo build --locked --release --manifest-path bench/Cargo.toml --target-dir target/bench-build
	@failed=; for bench in $(BENCHES); do target/bench-build/release/$$bench || failed="$$failed $$bench"; done; \
	test -z "$$failed" || { echo "limits that do not hold:$$failed" >&2; exit 1; }

# Real restic with a data set of 2 GB: a local directory, Countersign and the peers; about 12 minutes on a quiet machine.
bench-repository:
	scripts/install-test-tools
	bench/repository/install-peers
	cargo build --locked --release -p countersign
	target/test-tools/venv/bin/python bench/repository/measure.py $(ARGS)

restic:
	@command -v restic >/dev/null || scripts/install-debian restic
