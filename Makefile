# Everything a person or CI does here is a target; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV    ?= .venv
PYTHON  ?= python3
UV      := $(VENV)/bin/uv
RUN     := $(VENV)/bin
# pip may know a folder of local wheels (a CPU build of PyTorch, say); uv does not look there by itself.
WHEELS  := $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null)
INSTALL  = $(UV) pip install --quiet --python $(RUN)/python $(if $(WHEELS),--find-links $(WHEELS))
SHARED  ?= ../shared

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}'

$(RUN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trendvane needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN)/pip install --quiet --disable-pip-version-check uv

$(VENV)/.app: requirements/app.txt pyproject.toml | $(RUN)/uv
	@echo "Installing what the product needs ..."
	@$(INSTALL) -r requirements/app.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.app | $(RUN)/uv
	@echo "Installing what the tests need ..."
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.train: requirements/train.txt $(VENV)/.dev | $(RUN)/uv
	@echo "Installing what training needs ..."
	@$(INSTALL) -r requirements/train.txt
	@touch $@

.PHONY: install train-env demo test check bench docs vendor lock format clean
install: $(VENV)/.app  ## Install the product into a virtual environment

train-env: $(VENV)/.train  ## Add what training needs (PyTorch; a CPU wheel is enough)

demo: $(VENV)/.app  ## Watch live sentiment on synthetic trends; no account needed
	@$(RUN)/trendvane demo

test: $(VENV)/.dev  ## Run every test
	@$(RUN)/python -m pytest tests/unit -n 2 --disable-socket --allow-unix-socket
	@$(RUN)/python -m pytest tests/integration

check: $(VENV)/.dev  ## Lint, types, architecture
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

bench: $(VENV)/.train  ## Measure ours against named alternatives, side by side
	@for b in engine staging page shares training memory memory_learning; do PYTHONPATH=. $(RUN)/python -m bench.$$b || exit 1; done

docs: $(VENV)/.dev  ## Check that the generated reference is up to date
	@$(RUN)/python scripts/reference.py --check

vendor:  ## Fetch the page's libraries anew, by pinned version, and check their sums
	@scripts/vendor.sh

format: $(VENV)/.dev  ## Format the code
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

lock: | $(RUN)/uv  ## Pin the requirements anew
	@$(UV) pip compile -q --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements/app.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" -c requirements/app.txt --extra dev pyproject.toml -o requirements/dev.txt
	@rm -f requirements/train.txt  # its pin of torch, bare of +cpu, would bring the CUDA build back
	@$(UV) pip compile -q --python-version 3.11 --no-annotate --custom-compile-command "make lock" $(if $(WHEELS),--find-links $(WHEELS)) -c requirements/dev.txt --extra dev --extra train pyproject.toml -o requirements/train.txt
	@sed -i 's/+cpu//' requirements/train.txt

clean:  ## Remove the virtual environment and the demo's data
	rm -rf $(VENV) .trendvane
