# The verbs of this project. Needs make and Python 3.11 or later; everything else goes into .venv.

PYTHON ?=# which Python to build .venv with; empty: the first of python3.13, 3.12, 3.11, python3 that fits
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test golden dev check bench lock

help: ## Show this list
	@echo "Lakeward: operational worklists from FHIR exports and HL7 v2 batches"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: PYTHON=/path/to/python3 (for setup), LAKEWARD_HOME=/path (where data lies; default data/)"

setup: $(READY) ## Make .venv with the locked dependencies (again only when they change)
	@echo ".venv is ready"

demo: $(READY) ## Let a synthetic hospital deliver three days and run each night
	@$(BIN)/lakeward demo

test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

golden: $(READY) ## Write all goldens again from what the code does now; read git diff then
	@$(BIN)/python -m pytest --regenerate

dev: $(READY) ## Open the Dagster UI on what has been run
	@$(BIN)/lakeward dev

check: $(READY) ## Lint Python and SQL, check formatting, types, layers and contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar dbt_project/models
	$(BIN)/lakeward contracts check

bench: $(READY) ## Run the benchmarks
	@set -e; found=; for file in benchmarks/bench_*.py; do \
	  [ -f "$$file" ] || continue; found=yes; echo "$$file"; $(BIN)/python "$$file"; \
	done; [ -n "$$found" ] || echo "benchmarks/ holds no bench_*.py yet"

lock: ## Resolve the dependencies into requirements.lock (needs uv)
	@command -v uv >/dev/null || { echo "make lock: uv is not on PATH; install it, it is the tool that resolves" >&2; exit 2; }
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet --output-file requirements.lock

# One stamp: as long as it is newer than what it was made from, no target waits for an installer.
# The project is installed without build isolation, so that hatchling is the locked one too.
$(READY): requirements.lock pyproject.toml
	@set -e; \
	if ! $(BIN)/python -c "" 2>/dev/null; then \
	  python=; \
	  for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	    if "$$candidate" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then python="$$candidate"; break; fi; \
	  done; \
	  [ -n "$$python" ] || { echo "make setup: no Python 3.11 or later$(if $(PYTHON), at $(PYTHON), on PATH)" >&2; \
	    echo "install one (python.org, your package manager, or uv python install 3.12) and name it: make setup PYTHON=/path/to/python3" >&2; exit 2; }; \
	  rm -rf .venv; \
	  if command -v uv >/dev/null; then uv venv --quiet --python "$$python" .venv; \
	  else "$$python" -m venv .venv || { rm -rf .venv; \
	    echo "make setup: this Python cannot make a virtual environment" >&2; \
	    echo "install its venv module (Debian, Ubuntu: apt install python3-venv) or uv, and try again" >&2; exit 2; }; fi; \
	fi; \
	echo "Installing about 150 locked packages into .venv; once, a minute or a few"; \
	if command -v uv >/dev/null; then install="uv pip install --quiet --compile-bytecode --python $(BIN)/python"; \
	else install="$(BIN)/python -m pip install -qq --disable-pip-version-check"; \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; fi; \
	$$install --no-deps --require-hashes -r requirements.lock; \
	$$install --no-deps --no-build-isolation -e .; \
	touch $(READY)
