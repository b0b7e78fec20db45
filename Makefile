# Needs python3 (3.11 or newer) and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
EXPERIMENTS := $(sort $(basename $(notdir $(wildcard config/experiments/*.yaml))))

.DEFAULT_GOAL := digits
.PHONY: $(EXPERIMENTS) test lint format help clean benchmark

$(EXPERIMENTS): $(READY)  ## build every table and figure of that experiment
	@$(BIN)/snakemake $@ --quiet host reason
	@echo "every table and figure is in results/$@/page.html"

test: $(READY)  ## run all tests (needs no download)
	@$(BIN)/pytest

lint: $(READY)  ## check format and style of Python and Snakemake files
	@$(BIN)/pytest tests/workflow/test_style.py

benchmark: $(READY) .venv/peers  ## our attacks and bounds beside others, on MNIST and AlexNet (an hour)
	@$(BIN)/snakemake results/mnist/models/fc100/seed0 results/mnist/models/fc10_1e-4/seed0
	@$(BIN)/python benchmarks/attack.py
	@$(BIN)/python benchmarks/lipschitz.py

# visdom, which adv-lib imports, is built with what setuptools dropped in version 81
.venv/peers: $(READY)
	@echo "setuptools<81" > .venv/build-constraints
	@PIP_CONSTRAINT=.venv/build-constraints $(BIN)/python -m pip install --quiet \
	  --disable-pip-version-check "visdom==0.2.4"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock \
	  "adv-lib==0.2.8" "foolbox==3.3.4"
	@touch $@

format: $(READY)  ## format Python and Snakemake files
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

clean:  ## remove all results and Snakemake's records (not .venv)
	@rm -rf .snakemake results/*/

help:  ## this list
	@echo "make            environment and the default experiment, digits"
	@echo "make NAME       an experiment: $(EXPERIMENTS)"
	@sed -n 's/^\([a-z]*\):.*  ## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed, $(PYTHON) is %d.%d: run make PYTHON=python3.11" % sys.version_info[:2])'
	@echo "making the environment .venv with the versions of requirements.lock (a few minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@echo "the environment is ready"
