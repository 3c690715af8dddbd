# Every target bootstraps .venv by itself: Python 3.11 or newer and make are all a machine needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
WHEEL := app/wheels/causeway_jobs-0.1.0-py3-none-any.whl
export PYTHONHASHSEED := 0
# A run starts many processes of this code: it is compiled once, whatever a surrounding container has set.
export PYTHONDONTWRITEBYTECODE :=

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.venv/installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed on the PATH"; exit 1; }
	@echo "Installing into .venv: about 1 GB, a few minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --python $(BIN)/python --quiet --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q app jobs migrations tests
	@touch $@

$(WHEEL): .venv/installed jobs/pyproject.toml $(shell find jobs -name '*.py' -o -name '*.txt')
	@rm -rf app/wheels && mkdir -p app/wheels
	@cd jobs && SOURCE_DATE_EPOCH=1735689600 ../$(BIN)/python -m hatchling build --target wheel --directory ../app/wheels

install: .venv/installed $(WHEEL) ## Install everything into .venv

demo: install ## Run the bike-sharing story against the sandbox
	$(BIN)/causeway demo

test: install ## Run every test
	$(BIN)/python -m pytest -n 3 --dist loadgroup

chaos: install ## Every crash, every lost answer and every manner of the platform, apart; takes its time
	CHAOS=1 $(BIN)/python -m pytest tests/journeys/test_at_once.py tests/journeys/test_crash_matrix.py \
	  tests/journeys/test_lost_answers.py tests/journeys/test_variants.py

live: install ## The journey between two real workspaces, which the environment names: docs/live.md
	$(BIN)/python -m tests.live.live_settings && $(BIN)/python -m pytest tests/live -v

check: install ## Lint, types, import contracts, committed documents
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy app jobs tests migrations bench
	PYTHONPATH=jobs $(BIN)/lint-imports

bench: install ## Measure start, memory and the story's time
	$(BIN)/python -m bench.measure

bench-durability: install ## Measure operations: rates, steps, takeover, two thousand waits
	$(BIN)/python -m bench.durability

bench-scale: install ## Measure 50 versions, 500 models in a share, 100 workspaces: calls and seconds
	$(BIN)/python -m bench.scale

LOCK = $(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --no-annotate --quiet

lock: ## Write the locks anew (names, versions, hashes; no addresses)
	$(LOCK) pyproject.toml --all-extras -o requirements.lock
	$(LOCK) pyproject.toml -c requirements.lock -o requirements-service.lock
	$(LOCK) pyproject.toml -c requirements.lock --extra sandbox -o requirements-sandbox.lock
	echo hatchling | $(LOCK) - -c requirements.lock -o requirements-build.lock

.PHONY: help install demo test live chaos check bench bench-durability bench-scale lock
