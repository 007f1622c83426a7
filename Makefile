# The commands of this project. Everything is installed by pip, held by constraints.txt, into virtual environments here.
PYTHON ?= python3
DEV = .venv
DEMO = .venv-demo
LOCK = .venv-lock
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PACKAGES = source_tiktok_organic unit_tests integration_tests demo main.py

.PHONY: help demo test lint format lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(DEMO)/installed ## an account into DuckDB: from a local TikTok, or from the real one with secrets/config.json
	@$(DEMO)/bin/python -m demo

test: lint ## lint, then every test
	@$(DEV)/bin/python -m pytest --quiet

lint: $(DEV)/installed ## ruff and mypy
	@$(DEV)/bin/ruff check $(PACKAGES)
	@$(DEV)/bin/ruff format --check $(PACKAGES)
	@$(DEV)/bin/mypy

format: $(DEV)/installed ## ruff's fixes and layout
	@$(DEV)/bin/ruff check --fix $(PACKAGES)
	@$(DEV)/bin/ruff format $(PACKAGES)

lock: ## poetry.lock from pyproject.toml, constraints.txt from poetry.lock
	@test -x $(LOCK)/bin/poetry || $(PYTHON) -m venv $(LOCK)
	@$(LOCK)/bin/python -m pip install --quiet 'poetry>=2.1,<3' poetry-plugin-export poetry-plugin-pypi-mirror
	@$(LOCK)/bin/poetry lock
	@$(LOCK)/bin/poetry export --all-extras --without-hashes --output constraints.txt

clean: ## remove what the commands above made
	rm -rf $(DEV) $(DEMO) $(LOCK) .mypy_cache .ruff_cache .demo-cache build dist *.egg-info demo.duckdb*

$(DEV)/installed: pyproject.toml constraints.txt
	@echo "Installing the development tools into $(DEV) ..."
	@$(PYTHON) -m venv $(DEV)
	@$(DEV)/bin/python $(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(DEMO)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else "PyAirbyte, which the demo is made with, runs on Python 3.10 to 3.12: try make demo PYTHON=python3.12.")'
	@echo "Installing PyAirbyte and DuckDB into $(DEMO) (600 MB, once) ..."
	@$(PYTHON) -m venv $(DEMO)
	@$(DEMO)/bin/python $(PIP_INSTALL) --editable '.[demo]'
	@touch $@
