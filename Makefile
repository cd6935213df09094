# Everything starts from `make book` or `make test`; both set up what they need.
VENV ?= .venv
# Which Python makes the environment; empty takes the first on the path that is 3.11 or newer and works.
PYTHON ?=
PROFILE ?= quick
JOBS ?=
# FRESH=1: the book computes the cells of published tables all anew.
FRESH ?=
SECONDS ?= 60
# Releases of torch that take the place of a list's in test-lowest and test-colab, such as
# "torch==2.13.0 torchvision==0.28.0": for machines on which only one build is at hand.
TORCH ?=
PORT ?= 8000
SITE := _build/html
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup book verify site test test-portable test-lowest test-colab test-newest book-newest
.PHONY: lint format types check status serve bench axe clean environment constraints

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Variables: PYTHON=python3.12 VENV=$(VENV) PROFILE=$(PROFILE) JOBS=2 PORT=$(PORT) SSL_LIB_DATA=/path/to/data"

setup: ## make or refresh the virtual environment
	@sh tools/setup.sh "$(VENV)" "$(PYTHON)"

book: setup ## run the notebooks and build the book
	$(BIN)/ssl-lib book --profile $(PROFILE) $(if $(JOBS),--jobs $(JOBS)) $(if $(FRESH),--fresh)

verify: setup ## compute cells of published tables again, for about SECONDS
	$(BIN)/ssl-lib verify --seconds $(SECONDS)

site: setup ## check the links and files of the built book
	$(BIN)/python tools/check_site.py $(SITE)

# One thread a process: the tests are spread over processes instead, one for each core.
test: export OMP_NUM_THREADS = 1
test: export MKL_NUM_THREADS = 1
test: setup ## run the unit tests and the examples of the documentation
	$(BIN)/python -m pytest -n logical --dist loadfile $(ARGS)

# As on an old processor, where every library rounds otherwise, and with two threads: what differs
# from `make test` would differ on someone's machine.
test-portable: export ATEN_CPU_CAPABILITY = default
test-portable: export MKL_CBWR = COMPATIBLE
test-portable: export ONEDNN_MAX_CPU_ISA = SSE41
ifeq ($(shell uname -m),x86_64)
test-portable: export OPENBLAS_CORETYPE = Prescott
endif
test-portable: export OMP_NUM_THREADS = 2
test-portable: export MKL_NUM_THREADS = 2
test-portable: export OPENBLAS_NUM_THREADS = 2
test-portable: setup ## run the tests with the arithmetic of another processor
	$(BIN)/python -m pytest -n $$(( ($$(nproc) + 1) / 2 )) --dist loadfile $(ARGS)

# Each in a fresh environment of its own, VENV-lowest and so on; they need Python 3.11, 3.13 and 3.13.
test-lowest test-colab test-newest: export OMP_NUM_THREADS = 1
test-lowest test-colab test-newest: export MKL_NUM_THREADS = 1
test-lowest: ## run the tests with the lower bounds of pyproject.toml
	sh tools/test_with.sh lowest "$(VENV)-lowest" "$(or $(PYTHON),python3.11)" "$(TORCH)" $(ARGS)

test-colab: ## run the tests with the versions that Colab ships
	sh tools/test_with.sh colab "$(VENV)-colab" "$(or $(PYTHON),python3.13)" "$(TORCH)" $(ARGS)

test-newest: ## run the tests with the newest versions
	sh tools/test_with.sh newest "$(VENV)-newest" "$(or $(PYTHON),python3.13)" "$(TORCH)" $(ARGS)

book-newest: ## build the book in the environment of test-newest
	$(VENV)-newest/bin/ssl-lib book --profile $(PROFILE) $(if $(JOBS),--jobs $(JOBS))

lint: setup ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## format the code and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check the types
	$(BIN)/mypy

check: lint types ## lint, types, and the rules for notebooks, figures and claims
	$(BIN)/ssl-lib check

status: setup ## say which notebooks are fresh, and why not
	$(BIN)/ssl-lib status --profile $(PROFILE)

serve: setup ## serve the built book on this machine
	@test -f $(SITE)/index.html || { echo "error: no book yet; run make book" >&2; exit 1; }
	@echo "http://127.0.0.1:$(PORT)/"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

bench: setup ## measure speed against the official code
	$(BIN)/python -m benchmarks

axe: setup ## look at every page in a browser: accessibility, requests, screenshots
	sh tools/browser/run.sh $(SITE)

clean: ## remove what was built, not the caches of results and data
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

environment: setup ## write environment.yml from pyproject.toml
	$(BIN)/python tools/environment.py

# torch is held so that its CPU and CUDA builds stay interchangeable; raise it with torchvision, on purpose.
constraints: setup ## renew constraints.txt with the newest versions
	$(BIN)/python -m pip install -qq uv
	echo "torch==2.13.0" > $(VENV)/held.txt
	$(BIN)/uv pip compile --universal --python-version 3.11.0 --all-extras --upgrade --constraint $(VENV)/held.txt \
		--no-annotate --no-header --quiet pyproject.toml > $(VENV)/newest.txt
	{ sed -n 1p constraints.txt; grep -v -E '^(nvidia-|cuda-|triton=)' $(VENV)/newest.txt; } > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt
