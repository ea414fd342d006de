# citytwin: the verbs. `make demo` and `make test` work on a fresh machine with Python >= 3.11, git and make.
SHELL := /bin/bash
ARGS ?=
CITY ?= demo-city
TWIN := .venv/bin/twin
RUN := .venv/bin/python
# tests also wait, for disks, clocks and servers: more of them than cores
WORKERS = $(shell n=$$(nproc); n=$$(( (3 * n + 1) / 2 )); echo $$(( n < 6 ? n : 6 )))

# what Python compiles once is read by the hundreds of processes that tests start
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup assets browser mosquitto demo serve test real check bench notebooks figures clean

help:            ## say what the verbs do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.venv/.ready: pyproject.toml uv.lock .ci/setup
	@.ci/setup
	@touch $@

setup: .venv/.ready   ## make the environment in .venv from uv.lock

api/page/vendor/.ready: api/page/package.json api/page/package-lock.json api/page_assets.py | .venv/.ready
	@$(RUN) -m api.page_assets
	@touch $@

assets: api/page/vendor/.ready   ## put CesiumJS beside the scene page (npm registry, once)

browser: .venv/.ready   ## install Chromium and a Chinese font for the page test (apt, root)
	@.ci/browser

mosquitto: ## install the Mosquitto broker for the test of the bridge (apt, root)
	@.ci/mosquitto

demo: assets     ## sample city: generate, load, tile, serve (ARGS=--no-serve to stop before serving)
	@$(TWIN) demo $(CITY) $(ARGS)

serve: assets    ## serve the city in CITY
	@$(TWIN) serve --city $(CITY) $(ARGS)

test: assets browser mosquitto   ## all tests, some side by side; the page's alone (ARGS=tests/twin for some)
ifeq ($(strip $(ARGS)),)
	@$(RUN) -m address.kernel & maker=$$!; shared=$$(mktemp -d) && export TWIN_TEST_DEMO="$$shared" && \
	trap 'kill $$maker 2>/dev/null; rm -rf "$$shared"' EXIT && \
	$(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not real and not page" && \
	$(RUN) -m pytest -m page
else
	@$(RUN) -m pytest $(ARGS)
endif

real: setup      ## tests over the shared real data, where that folder lies beside the checkout
	@$(RUN) -m pytest -m real $(ARGS)

check: setup     ## ruff, mypy --strict, import-linter
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy -n auto
	@.venv/bin/lint-imports

bench: setup     ## benchmarks: ratios against peers and floors in one run
	@for file in $$(find tests/bench -name '*.py' | sort); do echo "== $$file"; $(RUN) $$file || exit 1; done

notebooks: setup ## run the notebooks
	@$(RUN) -m pytest tests/notebooks $(ARGS)

figures: assets browser   ## pictures of the README, of the demo city with its simulator on
	@$(TWIN) demo $(CITY) --no-serve && $(RUN) tests/page/pictures.py $(CITY) $(ARGS)

clean:           ## remove what can be made again; .venv and api/page/vendor stay
	@rm -rf demo-city screenshots dist build sample_data/out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +
