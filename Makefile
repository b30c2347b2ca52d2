# Everything a person types. `make demo` is the way in; `make test` is the gate.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1

.PHONY: setup demo viewer down test lint types unit e2e bench clean help

help:
	@echo "make setup   the environment only: .venv with pacs2trial in it"
	@echo "make demo    from here to a running system with demo data and delivered packages"
	@echo "make viewer  fetch OHIF, a full viewer, for the pages in Airflow; needs npm"
	@echo "make down    stop exactly what make demo started"
	@echo "make test    everything that must pass"
	@echo "make bench   how fast the stages are, as ratios"
	@echo "make clean   remove the environment and caches; var (vault and secret) is never touched"

setup: $(VENV)/.setup

$(VENV)/.setup: pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" sh setup.sh demo
	@touch $@

$(VENV)/.test: $(VENV)/.setup
	@PYTHON="$(PYTHON)" sh setup.sh demo,dev
	@touch $@

$(VENV)/.bench: $(VENV)/.setup
	@PYTHON="$(PYTHON)" sh setup.sh demo,bench
	@touch $@

demo: setup
	@$(BIN)/python -m pacs2trial_demo up

viewer: setup
	@$(BIN)/python -m pacs2trial_airflow.pages.ohif_files

down:
	@test ! -x $(BIN)/python || $(BIN)/python -m pacs2trial_demo down

test: lint types unit e2e

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.test
	$(BIN)/mypy include plugins/pacs2trial_airflow demo/pacs2trial_demo

# What a fixture makes for a file is made once: the tests of a file share a process. Three of them keep two cores busy.
unit: $(VENV)/.test
	$(BIN)/python -m pytest -m "not e2e" -n 3 --dist loadfile --no-loadscope-reorder -q --durations=40 --durations-min=8

e2e: $(VENV)/.test
	$(BIN)/python -m pytest -m e2e -q

bench: $(VENV)/.bench
	@$(BIN)/python -m pacs2trial_demo.bench

clean: down
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis artifacts dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
