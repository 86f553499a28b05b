# What can be done here. `make` alone tells; every target sets up what it needs.
# Needs Python 3.11 or newer, pip and make; no services.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup setup-dev run demo test test-platforms check bench chaos lock sbom clean

BIN := .venv/bin
# The first that is new enough; another one: make setup PYTHON=/path/to/python3
PYTHON = $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c $(NEW_ENOUGH) 2>/dev/null && { echo "$$name"; break; }; done)
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate $(ARGS)

help: ## Say what can be done (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(BIN)/pilar ## Install what Pilar needs to run into .venv (skipped when nothing changed)
	@$(call install,requirements.lock,)

setup-dev: $(BIN)/pilar ## Install what its tests and checks need as well
	@$(call install,requirements-dev.lock,requirements.lock)

run: setup ## Migrate the database and serve (SQLite below ./data unless .env says otherwise)
	@$(BIN)/pilar migrate
	@exec $(BIN)/pilar serve

demo: setup ## Fill the database with eight weeks of an office's calendar
	@exec $(BIN)/pilar demo

test: setup-dev ## Run every test, on SQLite and PostgreSQL, and measure what they cover
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -m 'not chaos and not platforms' -n 2 --dist loadgroup --session-timeout 1200 \
		--max-worker-restart 0 --cov --cov-report=
	@$(BIN)/python -m coverage report --fail-under=95

test-platforms: setup-dev ## Let programs of others judge what we send (from npm), and wait for platforms
	@$(BIN)/python -m pytest -m platforms -rs

check: setup-dev ## Check format, style, types, the floors, security, openapi.json, the Dockerfile
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit --quiet --severity-level medium --recursive app planner schedulers store
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/python -m app.cli openapi --check
	@$(BIN)/python -m tests.openapi.lint
	@$(BIN)/mypy

bench: setup-dev ## Measure, and print the ratios as a table
	@exec $(BIN)/python -m bench

chaos: setup-dev ## Kill processes while they publish and look for what was lost or doubled (minutes)
	@exec $(BIN)/python -m pytest -m chaos --timeout 3600 -n 2 --dist loadgroup --max-worker-restart 0

lock: setup-dev ## Resolve the dependencies anew (newest of everything: make lock ARGS=--upgrade)
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) pyproject.toml --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
	@! grep -n '://' requirements.lock requirements-dev.lock \
		|| { echo 'A lock must not name addresses: the machine that installs knows its own.' >&2; exit 1; }

sbom: setup-dev ## Write what Pilar is made of into sbom.json (CycloneDX)
	@$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON -o sbom.json requirements.lock

clean: ## Remove .venv and every cache; data and .env stay
	@rm -rf .venv .make .schemathesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -f .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The project itself is not installed: a launcher runs it from here, whatever the current folder.
# Debian keeps ensurepip apart from its Python: without it, the second way makes a .venv without pip.
$(BIN)/pilar: Makefile
	@python="$(PYTHON)"; test -n "$$python" || { echo 'Pilar needs Python 3.11 or newer and found' \
		'none. Install one, or name one: make setup PYTHON=/path/to/python3' >&2; exit 1; }; \
	$(BIN)/python -c $(NEW_ENOUGH) 2>/dev/null \
	|| { rm -rf .venv && "$$python" -m venv .venv >/dev/null 2>&1; } \
	|| { rm -rf .venv && "$$python" -m venv --without-pip .venv; }
	@printf '%s\n' '#!/bin/sh' 'home=$$(CDPATH= cd "$$(dirname "$$0")/../.." && pwd)' \
		'PYTHONPATH=$$home exec "$$home/.venv/bin/python" -P -m app.cli "$$@"' > $@
	@chmod +x $@

# $(1): the lock to install; $(2): one that it contains. A copy of what was installed is the stamp.
# Where .venv has no pip, that of the Python it was made from installs into it.
define install
cmp -s $(1) .venv/$(1) || { \
	echo "Installing $(1) into .venv ..."; \
	rm -f .venv/*.lock; \
	set -- $(BIN)/python -m pip; \
	"$$@" --version >/dev/null 2>&1 || \
		set -- "$$($(BIN)/python -c 'import sys; print(sys._base_executable)')" -m pip; \
	"$$@" --version >/dev/null 2>&1 || { \
		echo 'There is no pip. Install it (Debian: python3-venv or python3-pip).' >&2; exit 1; }; \
	"$$@" --python $(BIN)/python install --quiet --require-hashes --no-deps -r $(1) \
	&& for lock in $(1) $(2); do cp "$$lock" .venv/; done; }
endef
