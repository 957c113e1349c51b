# Everything a checkout needs, starting from nothing but Python, make and git:
#
#   make demo                          see a document go through Airflow
#   make test ARGS="-k sensor"         some of the tests
#   make test AIRFLOW=2.11.2           the same on another Airflow; PYTHON=python3.12 chooses the interpreter

# The Airflow versions that have a constraints file, the usual one first, each with the Pythons it runs on.
VERSIONS := 3.3.2 3.2.2 3.1.8 3.0.6 2.11.2
PYTHONS_3.3.2 := 3.11 3.12 3.13 3.14
PYTHONS_3.2.2 := 3.11 3.12 3.13 3.14
PYTHONS_3.1.8 := 3.11 3.12 3.13
PYTHONS_3.0.6 := 3.11 3.12
PYTHONS_2.11.2 := 3.11 3.12

# Packages released since then break these; the date is a week after the release.
NEWEST_3.2.2 := 2026-06-05
NEWEST_3.1.8 := 2026-03-18
NEWEST_3.0.6 := 2025-09-05
# What the project needs newer all the same, and what that needs.
ANY_DATE := apache-airflow-providers-common-compat asgiref

AIRFLOW ?= $(firstword $(VERSIONS))
PYTHON ?= python3
ARGS ?=

UV := uv==0.13.9
EXTRAS := testing,redis,postgres
SUFFIX := $(if $(filter $(firstword $(VERSIONS)),$(AIRFLOW)),,-$(AIRFLOW))
VENV := .venv$(SUFFIX)
BIN := $(CURDIR)/$(VENV)/bin
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
STAMP := $(VENV)/.installed

# uv does not read pip's settings, so a package mirror that pip is set up with is passed on.
index = $${UV_DEFAULT_INDEX:-$$($(BIN)/pip config get global.index-url 2>/dev/null)}
install = UV_DEFAULT_INDEX="$(index)" \
  $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints $(CONSTRAINTS) $(1)

# A temporary Airflow home, which is removed after the command.
private = home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && trap 'exit 130' INT TERM && \
  AIRFLOW_HOME=$$home AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:///$$home/airflow.db" \
  AIRFLOW__CORE__DAGS_FOLDER=$(CURDIR)/example_dags AIRFLOW__CORE__LOAD_EXAMPLES=False \
  AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False $(BIN)/python -m $(1)
pytest = $(call private,pytest $(1))

.DEFAULT_GOAL := help
.PHONY: help test matrix mutants e2e test-ui vendors lint format docs demo airflow package bench constraints clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo "  Airflow $(AIRFLOW) unless AIRFLOW=... is given: $(VERSIONS)."

# Each worker takes whole files, in the order of tests/conftest.py. ARGS="-n 0" runs all in one process, and
# ARGS="-m 'not slow and not e2e and not ui and not vendors'" leaves out the slow tests. Those marked `servers`
# start Debian's redis-server and postgresql, or say how to install them.
test: $(STAMP) ## run the tests on all cores, some 8 minutes on two; ARGS="-k sensor" for some, ARGS="-n 0" for one process
	@$(if $(ARGS),,echo 'More than 10,000 tests: about 8 minutes on 2 cores. ARGS="-k sensor" runs some of them.')
	@$(call pytest,-n logical --dist loadfile --no-loadscope-reorder $(ARGS))

# One after the other in one environment: this takes hours.
matrix: ## run the tests on each Airflow with each Python that it supports
	@set -e; $(foreach version,$(VERSIONS),$(foreach python,$(PYTHONS_$(version)), \
	  rm -rf .venv-matrix; $(MAKE) test AIRFLOW=$(version) PYTHON=python$(python) VENV=.venv-matrix;))

# mutmut works in the folder mutants/, which is removed before each run: `cd mutants/textin_provider/api` and
# `mutmut show NAME` shows a mutant.
mutants: $(STAMP) ## run mutation tests, some 20 minutes for textin_provider/api on two cores; ARGS=textin_provider/api/retry.py
	@$(call install,--group mutants)
	@$(call private,scripts.mutants $(ARGS))

# Debian's postgresql is the metadata database. The tests find its programs, or say how to install it.
e2e: $(STAMP) ## test real Airflow processes, killing some; ARGS="-k triggerer" for some of them
	@$(call install,--group e2e)
	@$(call pytest,-m e2e tests/e2e $(ARGS))

# Debian's chromium is the browser, so that Playwright, which drives it, has none to download.
test-ui: $(STAMP) ## test Airflow's pages in a browser; ARGS=--screenshots renews docs/images
	@command -v chromium >/dev/null || { apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium fonts-liberation; }
	@$(call install,--group ui)
	@$(call pytest,-m ui tests/ui $(ARGS))

# An environment of their own, without the constraints: docflow-sdk needs urllib3 1, and Airflow's constraints have 2.
vendors: $(STAMP) ## run the vendor's own clients against the local TextIn; ARGS="-k docflow" for some of them
	@test -x .venv-vendors/bin/python || $(PYTHON) -m venv .venv-vendors
	@UV_DEFAULT_INDEX="$(index)" $(BIN)/uv pip install --quiet --python .venv-vendors/bin/python --group vendors
	@$(call pytest,-m vendors tests/vendors $(ARGS))

lint: $(STAMP) ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP) ## format, and fix what can be fixed by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# A link, a name or an example that is not there ends it. Links to other sites are not followed.
docs: $(STAMP) ## build the documentation into docs/_build/html
	@$(call install,--group docs)
	$(BIN)/python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html

demo: $(STAMP) ## parse real documents with a real Airflow and a local TextIn
	@$(BIN)/python -m scripts.demo

airflow: $(STAMP) ## open Airflow in the browser, with a local TextIn; ARGS="--port 8090"
	@exec $(BIN)/python -m scripts.standalone --home .airflow$(SUFFIX) $(ARGS)

package: $(STAMP) ## build the package, check it, and try it with nothing but Airflow
	@$(call install,--group package)
	@UV_DEFAULT_INDEX="$(index)" $(BIN)/python -m scripts.package

# HttpSensor, which some parts are measured against, is no dependency of the project. Bytecode is compiled before, as
# pip does where Airflow is really installed: compiling at import would be half of what is measured.
bench: $(STAMP) ## measure what it costs, into benchmarks/RESULTS.md; ARGS=polls for a part, ARGS=endurance for the long run
	@$(call install,--compile-bytecode --group bench)
	@$(BIN)/python -m compileall -q textin_provider
	@$(BIN)/python -m benchmarks $(ARGS)

# Resolve the packages of one version. Pins of the file that still fit are kept, unless ARGS are --upgrade.
define resolve
echo "Resolving constraints/airflow-$(1).txt"; \
echo "apache-airflow==$(1)" | .venv-constraints/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --no-header --no-annotate --no-emit-index-url $(if $(and $(ARGS),$(NEWEST_$(1))),--exclude-newer $(NEWEST_$(1)) \
  $(ANY_DATE:%=--exclude-newer-package %=false)) $(ARGS) pyproject.toml --extra testing --extra redis --extra postgres \
  --group dev --group s3 --group e2e --group ui --group docs - -o constraints/airflow-$(1).txt >/dev/null; \
sed -i "1i # The packages that Airflow $(1) is tested with here. Regenerate with: make constraints" \
  constraints/airflow-$(1).txt
endef

# Needs no environment of the project: with pins that no longer fit, there would be none.
constraints: ## resolve the pinned packages for every Airflow version; ARGS=--upgrade takes the newest
	@rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	@.venv-constraints/bin/python -m pip install --quiet $(UV)
	@set -e; $(foreach version,$(VERSIONS),$(call resolve,$(version)); )
	@rm -rf .venv-constraints

clean: ## remove environments, caches and the data of demo and airflow
	rm -rf .venv .venv-* .airflow .airflow-* .pytest_cache .mypy_cache .ruff_cache dist build docs/_build mutants

# Made anew as a whole when a pin changes: what an upgrade in place leaves behind is nobody's test environment.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') || \
	  { echo "There is no $(PYTHON) here; name a Python with PYTHON=..." >&2; exit 1; }; \
	case " $(PYTHONS_$(AIRFLOW)) " in \
	  *" $$version "*) ;; \
	  *) echo "$(PYTHON) is Python $$version, but Airflow $(AIRFLOW) needs one of: $(PYTHONS_$(AIRFLOW))." \
	          "Name one with PYTHON=..., such as PYTHON=python$(lastword $(PYTHONS_2.11.2))." >&2; exit 1;; \
	esac
	@echo "Installing Airflow $(AIRFLOW) into $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet $(UV)
	@$(call install,--editable '.[$(EXTRAS)]' --group dev --group s3 apache-airflow==$(AIRFLOW))
	@touch $@

# An Airflow without a constraints file is not one that anybody has tried.
constraints/airflow-%.txt:
	@echo "There is no $@; AIRFLOW is one of: $(VERSIONS)." >&2; exit 1
