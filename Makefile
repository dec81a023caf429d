# Everything a newcomer needs: `make demo` and `make test` set themselves up.
# A plain Debian or Ubuntu with python3 and python3-venv is enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs

# Tests start many processes: without byte code each would compile all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test serve lint format bench docs ui clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[learn,postgres,dev]'
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

setup: $(STAMP)  ## make .venv with everything that demo and test need

demo: $(STAMP)  ## the whole flow of events on real data; ARGS="--serve" keeps the server up
	$(BIN)/extremeearth demo food-security $(ARGS)

test: $(STAMP)  ## all tests; ARGS="-k catalogue" selects
	$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

serve: $(STAMP)  ## the platform on http://127.0.0.1:8000; that of the demo, where there is one
	$(BIN)/extremeearth serve $(if $(wildcard extremeearth-demo/platform),--home extremeearth-demo/platform) $(ARGS)

lint: $(STAMP)  ## style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(STAMP)  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure against rivals; writes bench/results
	$(BIN)/python -m bench $(ARGS)

docs: $(DOCS_STAMP)  ## build the documentation into site/
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

ui:  ## build the front end into the Python package (needs Node)
	cd ui && npm ci && npm run build

clean:  ## remove what was built, keep the demo's folder
	rm -rf $(VENV) site dist ui/node_modules .pytest_cache .mypy_cache .ruff_cache
