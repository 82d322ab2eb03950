# Quality Compass. `make` alone lists what there is to do.

PYTHON ?= python3
PORT ?= 8000
RUN ?=
# Tests that run at the same time; each worker has a PostgreSQL of its own.
WORKERS ?= 2
UV ?= uv
# `make audit SETS="serve demo"` asks about some sets only; by default about all.
SETS ?=
# `make lock UV_FLAGS=--upgrade` takes newer versions; without it only what must change does.
UV_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check

PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope

# A stamp a step, so that a repeated target starts at once.
CREATED := $(VENV)/.created
DEV_INSTALLED := $(VENV)/.installed-dev
DEMO_INSTALLED := $(VENV)/.installed-demo
# The development set holds all that the demo needs: where it is installed, it serves both.
DEMO_NEEDS := $(if $(wildcard $(DEV_INSTALLED)),$(DEV_INSTALLED),$(DEMO_INSTALLED))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test slow soak lint pages bench gate docs audit sbom lock clean

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make demo RUN=path PORT=n   another run, another port"
	@echo "  make setup PYTHON=python3.12   another interpreter (3.11 or newer)"

setup: $(DEV_INSTALLED) ## Create .venv with everything, dbt and the development tools included
	@echo "Ready: $(BIN)/compass"

demo: $(DEMO_NEEDS) ## Ingest a sample run into an embedded PostgreSQL and serve the API
	@$(BIN)/compass up $(if $(RUN),--run "$(RUN)") --port "$(PORT)"

test: $(DEV_INSTALLED) ## Run the tests, but for those that take many seconds each
	@$(PYTEST)

slow: $(DEV_INSTALLED) ## Run the tests that take many seconds each
	@$(PYTEST) -m 'slow and not thorough and not benchmark'

soak: $(DEV_INSTALLED) ## Disturb ingests, writers and the API for longer than the tests do
	@COMPASS_CONCURRENCY_SECONDS=20 COMPASS_PLAN_ROWS=200000 COMPASS_CONFORMANCE_EXAMPLES=20 COMPASS_COUNTING_STRIDE=5 \
		COMPASS_DAMAGES=100 $(BIN)/python -m pytest -m 'not benchmark' --timeout=1800 tests/faults \
		tests/integration/test_accepted_runs.py tests/contracts/test_parsing_random.py \
		tests/api/test_signal_plans.py tests/api/test_conformance.py
	@$(BIN)/python -m pytest -m thorough --timeout=1800 tests/contracts tests/integration
	@$(BIN)/python -m tests.soak

lint: $(DEV_INSTALLED) ## Check format, style, types, import directions, compiled manifest and generated pages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/compass manifest --check
	@$(BIN)/python -m transforms.reports --check

pages: $(DEV_INSTALLED) ## Write the pages of docs/ that are made from code
	@$(BIN)/python -m transforms.reports

bench: $(DEV_INSTALLED) ## Measure loading, building and serving, and write docs/benchmarks.md
	@$(BIN)/python -m pytest tests/benchmarks -m benchmark --capture=no --timeout=1800; status=$$?; \
		$(BIN)/python -m tests.benchmarks.report && exit $$status

gate: $(DEV_INSTALLED) ## Compare speed and memory with the last release: make gate BASE=<tag, branch or commit>
	@$(BIN)/python -m tests.benchmarks.gate --base "$${BASE:-origin/main}"

docs: $(DEV_INSTALLED) ## Build the documentation as a site in build/site
	@$(BIN)/properdocs build --strict --quiet --config-file mkdocs.yml
	@echo "Wrote build/site/index.html"

audit: $(DEV_INSTALLED) ## Ask for known vulnerabilities of the locked packages
	@$(BIN)/python -m transforms.reports.audit $(SETS)

sbom: $(DEV_INSTALLED) ## Write what the service is made of to build/sbom.json (CycloneDX)
	@$(BIN)/python -m transforms.reports.sbom

lock: ## Pin every dependency again, with hashes (needs uv)
	@command -v $(UV) > /dev/null || { echo "make lock needs uv: pip install uv, or UV=path" >&2; exit 2; }
	@$(call pin,dev,--all-extras)
	@$(call pin,serve,--constraint requirements/dev.txt)
	@$(call pin,demo,--extra ingest --extra build --constraint requirements/dev.txt)

clean: ## Remove .venv, caches and build results
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf dbt/target dbt/logs dbt/dbt_packages logs
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +

# One set for every platform. Sets take the versions of `dev`, so all three agree. pip is what installs
# them: it does not replace itself halfway.
define pin
echo "Locking requirements/$(1).txt" && $(UV) pip compile pyproject.toml --quiet --universal \
	--python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	--no-emit-package pip $(UV_FLAGS) $(2) --output-file requirements/$(1).txt
endef

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
		echo "Quality Compass needs Python 3.11 or newer, and $(PYTHON) is" \
			"$$($(PYTHON) --version 2> /dev/null || echo 'not there'); name another: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "cannot create $(VENV): install the venv module of $(PYTHON)" \
		"(Debian and Ubuntu: apt install python3-venv)" >&2; exit 2; }
	@touch $@

$(DEV_INSTALLED): $(CREATED) requirements/dev.txt pyproject.toml
	@$(call install,dev,a minute or two)

$(DEMO_INSTALLED): $(CREATED) requirements/demo.txt pyproject.toml
	@$(call install,demo,under a minute)

# The lock names every package of the set, so pip need not resolve, only verify and unpack. Bytecode is written
# here, on all cores: else every start compiles again wherever Python may not keep it (PYTHONDONTWRITEBYTECODE).
# What does not compile is no module: packages carry templates too.
define install
echo "Installing requirements/$(1).txt ($(2) the first time)" && \
$(PIP_INSTALL) --require-hashes --no-deps --no-compile --requirement requirements/$(1).txt && \
$(PIP_INSTALL) --no-deps --no-build-isolation --editable . && \
{ $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib backend contracts transforms || true; } && touch $@
endef
