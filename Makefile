# Two commands need nothing but Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test stories crash lint types imports unit docs wheel schemas reference clean

# Set itself up and run the main job end to end, against stand-ins of the providers on loopback.
demo: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" bash scripts/demo.sh

# Every quality gate, in the order in which they fail fastest.
test: lint types imports docs unit stories wheel

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[sandbox,postgres,ingress]" --group dev --group docs
	@# Vendors' own libraries of npm, against which signatures are checked; without Node those tests say why they skip.
	@if command -v npm >/dev/null; then (cd tests/verify/oracles && npm ci --silent --no-audit --no-fund) || echo "npm: the oracles are left out"; fi
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/pytest -n 2 --cov --cov-report=
	$(BIN)/coverage report --include='reconciler/core/*,reconciler/verify/*,reconciler/engine/*' --fail-under=100

# Whole commands against stand-ins, tests of many processes, and every command block of the README and of the
# documentation, run as a reader would. With them comes the coverage of everything.
stories: $(READY) unit
	$(BIN)/pytest -n 2 -m 'stories or journeys or processes' --cov --cov-append --cov-report=
	$(BIN)/coverage report --fail-under=95

# Real processes killed at every point that they reach, and the model of the engine at length: about twenty minutes.
crash: $(READY)
	$(BIN)/pytest -n 2 -m crash

# The documentation as a site in build/site; every warning is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The wheel, installed with nothing else and run where there is no source tree.
wheel: $(READY)
	@PYTHON="$(abspath $(BIN)/python)" bash scripts/check_wheel.sh

# Write the JSON Schemas anew from the models.
schemas: $(READY)
	$(BIN)/python scripts/generate_schemas.py

# Write docs/reference anew from verbs, models and definitions.
reference: $(READY)
	$(BIN)/python scripts/generate_docs.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
