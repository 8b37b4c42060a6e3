# Every command of the project. Python 3.11 to 3.13 and make are all a machine needs: the rest goes into .venv,
# at the versions pinned in requirements.txt and, for developers, requirements-dev.txt and requirements-spark.txt.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
# A file at a time: its tests share what is dear to make. (Groups of loadgroup are none with pytest 9.2 and xdist 3.8.)
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
# One version of each package, with markers for whatever only some of the supported Pythons and systems need.
UV_COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --universal --fork-strategy fewest --python-version 3.11 \
	--custom-compile-command 'make requirements' --no-emit-index-url --no-emit-find-links --strip-extras

.DEFAULT_GOAL := help
.PHONY: help install demo serve test test-sqlite test-databases test-spark bench lint requirements wheel clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

install: .venv/.installed ## make .venv and install the project into it (PYTHON=python3.12 picks the Python)

demo: .venv/.installed ## run the main job on a sample export, in SQLite
	@$(BIN)/retail demo

serve: .venv/.installed ## start the Dagster UI, its daemon and the API
	@$(BIN)/retail serve

test: .venv/.installed-dev ## run every test, on SQLite and on the MySQL or MariaDB server that is found, installed or contained
	$(PYTEST)

test-sqlite: .venv/.installed-dev ## run the tests that need no server
	$(PYTEST) -m 'not mysql'

test-databases: .venv/.installed-dev ## run the database tests alone, on the server in RETAIL_TEST_MYSQL_URL
	$(PYTEST) -m database

test-spark: .venv/.installed-spark ## install PySpark, and run the tests on a real Spark with two workers (needs Java 17)
	$(BIN)/python -m pytest retail_pipeline_tests/spark

bench: .venv/.installed-spark ## measure, and write the report
	$(BIN)/python -m benchmarks

lint: .venv/.installed-dev ## check style and formatting, and the files that Docker and GitHub read
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck deploy/*.sh
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

# Pins that still satisfy pyproject.toml stay; delete the files first to take the newest of everything.
requirements: $(BIN)/uv ## pin what pyproject.toml asks for: for all, the API alone, developers, and Spark
	$(UV_COMPILE) --output-file requirements.txt
	$(UV_COMPILE) --overrides api/without.txt --constraints requirements.txt --output-file requirements-api.txt
	$(UV_COMPILE) --group dev --constraints requirements.txt --output-file requirements-dev.txt
	$(UV_COMPILE) --group dev --extra spark --constraints requirements-dev.txt --output-file requirements-spark.txt

wheel: .venv/.created ## build a wheel in dist/
	rm -rf build # setuptools would pack what an earlier build left there
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove .venv and everything that was built; data in .retail stays
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.created:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("$(PYTHON) is Python %d.%d, and this \
	project needs 3.11, 3.12 or 3.13: name one, as in make PYTHON=python3.11 install" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: requirements.txt pyproject.toml | .venv/.created
	@echo 'Installing into .venv (the first time takes a minute or two)'
	$(PIP_INSTALL) --requirement requirements.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(PIP_INSTALL) --requirement requirements-dev.txt
	@touch $@

.venv/.installed-spark: requirements-spark.txt .venv/.installed-dev
	$(PIP_INSTALL) --requirement requirements-spark.txt
	@touch $@

# Not a matter of .venv/.installed-dev: pins that can't be installed must still be replaceable.
$(BIN)/uv: | .venv/.created
	$(PIP_INSTALL) uv
