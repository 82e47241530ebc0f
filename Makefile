# Everything a person or a machine does with a clone. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON_BIN := .venv/bin/python
STAMP := .venv/.set-up
SIZE ?= 100000
REPEATS ?= 3
NAMES ?=
WORKERS := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo demo-stream dev viewer stop test test-long bench prove mutants lint format lock docs digests clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-11s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install Python packages (hashes checked), Java and the engine's JARs, once

$(STAMP): requirements.lock pyproject.toml clickstream_platform/engine/jars.json scripts/setup.sh scripts/uv.lock
	@bash scripts/setup.sh
	@touch $@

demo: $(STAMP) ## Generate a shop's day, run the platform on it, show the result
	@$(PYTHON_BIN) -m clickstream_platform.demo

demo-stream: $(STAMP) ## Stream clicks from a local Kafka broker to gold for a minute, and watch
	@$(PYTHON_BIN) -m clickstream_platform.streaming.demo_stream

dev: $(STAMP) ## Start the Dagster UI and daemon on this home
	@$(PYTHON_BIN) -m clickstream_platform.running.dev

viewer: $(STAMP) ## Start the Dagster UI for looking only, without daemon
	@$(PYTHON_BIN) -m clickstream_platform.running.viewer

stop: $(STAMP) ## Stop the warm Spark engine
	@.venv/bin/clickstream engine stop

test: $(STAMP) ## Run the tests; those that take minutes each are left to test-long
	@bash scripts/test_services.sh
	@$(PYTHON_BIN) -m pytest -m "not prove and not long" $(WORKERS)

test-long: $(STAMP) ## Run the tests that take minutes each: killed engines, clicks in the UI, whole homes
	@bash scripts/test_services.sh
	@$(PYTHON_BIN) -m pytest -m "long and not prove" $(WORKERS)

prove: $(STAMP) ## Run the property, kill and race suites in full, for hours
	@bash scripts/test_services.sh
	@$(PYTHON_BIN) -m pytest -m prove -s

mutants: $(STAMP) ## Break the code on purpose: every committed mutant must turn its test red
	@$(PYTHON_BIN) scripts/mutants.py

bench: $(STAMP) ## Measure against bare PySpark and DuckDB; SIZE=, REPEATS=, NAMES= (python -m benchmarks list)
	@$(PYTHON_BIN) -m benchmarks run $(NAMES) --size $(SIZE) --repeats $(REPEATS)

lint: $(STAMP) ## Check style, types and forbidden words
	@$(PYTHON_BIN) -m ruff check .
	@$(PYTHON_BIN) -m ruff format --check .
	@$(PYTHON_BIN) -m mypy
	@$(PYTHON_BIN) -m mypy scripts
	@$(PYTHON_BIN) scripts/check_words.py

format: $(STAMP) ## Format the code and sort imports
	@$(PYTHON_BIN) -m ruff check --select I --fix --quiet .
	@$(PYTHON_BIN) -m ruff format .

lock: ## Write requirements.lock anew after a change of pyproject.toml
	@bash scripts/setup.sh tools
	@.venv/uv/bin/uv pip compile pyproject.toml --python $(PYTHON_BIN) --extra dev \
	  --generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock

docs: $(STAMP) ## Write docs/DATA_DICTIONARY.md and docs/METRICS.md from contracts and questions
	@$(PYTHON_BIN) -m clickstream_platform.tables.dictionary
	@$(PYTHON_BIN) -m clickstream_platform.queries.reference

digests: $(STAMP) ## Pin the code that decides rows, after raising its number if rows may differ
	@$(PYTHON_BIN) scripts/code_digests.py --write

clean: ## Remove caches; data, .venv and .jars stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	@find clickstream_platform clickstream_platform_tests scripts -type d -name __pycache__ -prune -exec rm -rf {} +
