# One word a task; each sets up what it needs from nothing and does nothing twice.
# Needed beforehand: Python 3.11 or later with venv, and make. `make help` lists the words.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help run test lint check format bench lock samples docs screenshots clean

PORT ?= 8501
# Arguments for the tool behind the word: make test ARGS="tests/store -x", make lock ARGS=--upgrade
ARGS ?=
# The first interpreter that starts and is new enough: a shim without a version behind it does not count.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
export PIP_DISABLE_PIP_VERSION_CHECK := 1
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

help:
	@echo "make run          the workbench on http://127.0.0.1:$(PORT) (PORT=...)"
	@echo "make test         every test (ARGS=... goes to pytest)"
	@echo "make lint         formatting, lint and types"
	@echo "make check        lint and test: what CI runs"
	@echo "make format       put the formatting right"
	@echo "make bench        benchmarks against named peers (installs them beside, in $(BENCH_VENV))"
	@echo "make samples      draw the sample PDF anew"
	@echo "make docs         write settings and command line into the documents"
	@echo "make screenshots  take the README's pictures anew (needs Chromium)"
	@echo "make lock         renew requirements*.txt from pyproject.toml"
	@echo "make clean        remove environments and caches; data/workbench stays"

# --- environments ---------------------------------------------------------------------------------------------------
# Every package is pinned with its hash, the installer included. `rag` itself is installed editable by the pinned setuptools,
# so that no build fetches anything else. uv is for speed: where it cannot install (it does not read pip's configuration),
# pip takes the same files. What is installed is compiled once here, as pip does by itself: a process that may not keep what it compiles
# would do it again at every start, for half a second and more.

define install
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r $(1) \
		|| $(BIN)/pip install --quiet --no-deps --require-hashes -r $(1)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	$(BIN)/python -m compileall -q app.py pages rag
endef

$(VENV)/.made: requirements-uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; name it with PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/.run: requirements.txt pyproject.toml $(VENV)/.made
	$(call install,requirements.txt)
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml $(VENV)/.made
	$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.run

# Files are copied, not linked: nltk, which LlamaIndex reads its words with, refuses linked ones.
# torch comes without a hash: only its CPU build will do, and the registry's own has another content (bench/README.md).
TORCH ?= torch==2.13.0+cpu

$(BENCH_VENV)/.made: requirements-bench.txt $(VENV)/.dev
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet $(TORCH)
	$(BIN)/uv pip install --quiet --compile-bytecode --link-mode copy --python $(BENCH_VENV)/bin/python --no-deps --require-hashes -r requirements-bench.txt \
		|| $(BENCH_VENV)/bin/pip install --quiet --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

# --- tasks ----------------------------------------------------------------------------------------------------------

run: $(VENV)/.run
	$(BIN)/streamlit run app.py --server.address 127.0.0.1 --server.port $(PORT) --server.showEmailPrompt false

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict rag

check: lint test

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

samples: $(VENV)/.dev
	$(BIN)/python data/samples-source/make_pdf.py

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/.dev $(BENCH_VENV)/.made
	$(BIN)/python bench/embedding.py
	$(BIN)/python bench/ingest.py
	$(BIN)/python bench/cold_start.py

lock: $(VENV)/.made
	echo uv | $(COMPILE) $(ARGS) --output-file requirements-uv.txt -
	$(COMPILE) $(ARGS) --group model --group build pyproject.toml --output-file requirements.txt
	$(COMPILE) $(ARGS) --group model --group build --group dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt
	cp requirements-dev.txt requirements-bench.txt  # its versions are kept where the peers allow them
	$(COMPILE) $(ARGS) --excludes bench/excludes.txt bench/requirements.in --output-file requirements-bench.txt

clean:
	rm -rf $(VENV) $(BENCH_VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
