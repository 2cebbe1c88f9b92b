# radnode: `make demo` and `make test` are all one needs on a fresh machine.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# Installed once for each change of what is to be installed.
STAMP := $(VENV)/.installed-$(shell cat pyproject.toml deploy/constraints.txt | sha256sum | cut -c1-16)
TEST_STAMP := $(STAMP)-test

.PHONY: demo test test-slow test-viewer train-smoke conformance faults bench day install check tests peers viewer docs train-install clean

demo: install
	$(BIN)/radnode demo

install: $(STAMP)

$(STAMP): pyproject.toml deploy/constraints.txt
	@echo "installing radnode and what it needs into $(VENV) (pinned in deploy/constraints.txt)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# torch first and pinned: a looser request may fetch gigabytes of CUDA
	$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e .
	@touch $@

$(TEST_STAMP): $(STAMP)
	@echo "installing the tools of the tests into $(VENV)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[test]'
	@touch $@

peers:
	@bash deploy/install-peers.sh

# A browser and OHIF beside them, for the tests that open results. Where they cannot be had, those skip; in CI they fail.
viewer:
	@bash deploy/install-peers.sh viewer
	@sh tests/viewer/install.sh || echo "OHIF could not be installed: the tests that open results in it cannot run"

test:
	@# Debian's and npm's packages come down while pip installs and the static checks run
	@$(MAKE) --no-print-directory -j2 --output-sync=line viewer check
	@$(MAKE) --no-print-directory tests

check: $(TEST_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

tests:
	@# compiled once, and not by each of a thousand processes where the environment forbids them to write it down
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 2 node plugins tests
	@# in the order of the files: pytest-xdist would keep those with few tests, some of them long, for the end of one worker;
	@# three of them on two cores, since most of the tests wait for another process now and then
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow and not viewer"
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "viewer and not slow" tests/viewer

test-slow: $(TEST_STAMP)
	@bash deploy/install-peers.sh others
	@sh tests/viewer/install.sh || echo "dcmjs-dimse could not be installed: the tests that send with it cannot run"
	$(BIN)/pytest -m slow

# What comes back, opened in OHIF; RADNODE_VIEWER: where OHIF is installed, RADNODE_SCREENSHOTS: where pictures go.
test-viewer: $(TEST_STAMP) viewer
	$(BIN)/pytest -m viewer tests/viewer

train-smoke: $(TEST_STAMP)
	$(BIN)/pytest tests/plugins/test_train_smoke.py

conformance: $(TEST_STAMP) peers
	$(BIN)/python -W ignore -m tests.conformance

# The campaign of faults, side by side with Orthanc and DCMTK; FAULTS: numbers of rows, else all.
faults: $(TEST_STAMP) peers
	$(BIN)/python -W ignore -m tests.faults $(FAULTS) --write deploy/RELIABILITY.md

# How fast the node and its parts are beside others: leave the machine alone meanwhile; BENCH: names of parts, else all.
bench: $(TEST_STAMP) peers
	$(BIN)/python -W ignore -m tests.bench --only "$(BENCH)" --write deploy/PERFORMANCE.md --json deploy/performance.json
	@# what a hospital and a country need is reckoned from what was just measured
	$(BIN)/python -m tests.bench.capacity --write deploy/CAPACITY.md

# An hour of a hospital in six minutes: real studies, what goes wrong, an upgrade, and the books; all of it in radnode-day/.
day: $(TEST_STAMP) viewer
	$(BIN)/python -W ignore -m tests.day

docs: install
	$(BIN)/python -m node.docs README.md

train-install: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[train]'

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis radnode-demo radnode-day
