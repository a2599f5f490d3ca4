# Set-up, tests and checks. `make demo` and `make test` need Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE =
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1
N ?= 100000

.PHONY: demo test check format bench simulate chaos requirements clean help

help:            ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "smarketing needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned requirements into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.runtime  ## the whole story on this machine: plan, sync, edits, sync again
	@$(BIN)/smarketing demo

test: $(VENV)/.dev  ## all tests
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

check: $(VENV)/.dev  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev  ## let ruff put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## speed, as figures and ratios
	@$(BIN)/python -m bench

simulate: $(VENV)/.dev  ## N random histories with crashes, then kill -9 of real runs
	@$(BIN)/python -m tests.simulation $(N)

requirements: $(VENV)/.dev  ## pin anew what requirements*.in ask for
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header requirements-dev.in -c requirements.txt -o requirements-dev.txt

clean:           ## remove what make made
	rm -rf $(VENV) build demo *.egg-info
