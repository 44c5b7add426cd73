# Every target sets up what it needs in .venv: make and Python 3.11 or newer are enough to begin.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
# Made last, so that a set-up that broke off is begun again.
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help venv demo test check integration containers bench image constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(READY) ## set up .venv with everything that the other targets need

demo: $(READY) ## run a function with two extensions, invoke it, shut down
	examples/demo/run $(ARGS)

test: $(READY) ## run the tests; ARGS goes to pytest: make test ARGS="-k register"
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## format, lint, types, layers, workflows, generated documents
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/actionlint .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github
	$(if $(wildcard docs/generate.py),$(BIN)/python docs/generate.py --check)

# Exit code 5 is pytest's "no test was selected".
integration: $(READY) ## run the whole program from outside, as PID 1 (needs root)
	$(BIN)/python -m pytest integration --ignore integration/containers $(ARGS) || [ $$? -eq 5 ]

containers: $(READY) ## run what `make image` left, in Docker, for amd64 and arm64 (needs an engine)
	$(BIN)/python -m pytest integration/containers $(ARGS)

bench: $(READY) ## measure beside aws-lambda-rie (needs root, and cc); ARGS=--help lists what can be chosen
	$(BIN)/python -m bench $(ARGS)

image: ## build dist/supervisor-linux-amd64 and -arm64, each one static file (needs root; docker/README.md)
	docker/build-without-engine

constraints: clean ## set up anew from the newest releases and write them to constraints.txt
	: > constraints.txt
	$(MAKE) venv
	@echo '# The releases that the project is checked with; made by `make constraints`.' > constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable >> constraints.txt
	touch $(READY)

clean: ## remove .venv and every cache
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11 or newer. Name one that is: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; } || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
