# Needs python3 (3.11 or newer) and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TARGETS := slurm test check verify lint docs site format help clean benchmark plan snapshot
EXPERIMENTS := $(filter-out $(TARGETS),$(sort $(basename $(notdir \
	$(wildcard config/experiments/*.yaml config/experiments/*.yml)))))
RESULTS = $(notdir $(patsubst %/,%,$(wildcard results/*/)))
COMMA := ,
LISTED = $(subst $() ,$(COMMA) ,$(sort $(1)))
UNKNOWN = there is no experiment $(1): choose one of $(call LISTED,$(EXPERIMENTS))

# Where torch and torchvision are taken from: the address of a package index or a folder of wheels.
# Empty: from where pip takes everything. $(READY) remembers it, so it is given once.
INSTALLED_FROM := $(shell cat $(READY) 2>/dev/null)
TORCH ?= $(INSTALLED_FROM)
TORCH_OPTIONS := $(if $(TORCH),$(if $(findstring ://,$(TORCH)),--index-url,--no-index --find-links) "$(TORCH)")
ifneq ($(wildcard $(READY)),)
ifneq ($(TORCH),$(INSTALLED_FROM))
$(error torch is already installed, from $(or $(INSTALLED_FROM),the usual index): run rm -r .venv first)
endif
endif

# a build: through a profile of profiles/ such as slurm, and with models and adversarial sets shared
# with other checkouts through a folder
PROFILE ?=
CACHE ?=
USE_CACHE = mkdir -p "$(CACHE)" && SNAKEMAKE_OUTPUT_CACHE="$$(realpath "$(CACHE)")"
BUILD = $(if $(CACHE),$(USE_CACHE) )$(BIN)/snakemake $(1) --quiet host reason \
	$(if $(PROFILE),--workflow-profile profiles/$(PROFILE)) $(if $(CACHE),--cache train)

# What went wrong is the last line that make prints, instead of its own "Error 1": a recipe that runs
# snakemake, $(call RUN,command), succeeds but leaves a sentence in a file if the command fails, and
# the recipe after it ends with that sentence, $(END). The file is that of this process of make, so
# that several may run at once; where it cannot be written, the recipe fails itself.
PROCESS := $(shell echo $$PPID)
LAST_LINE = $(CURDIR)/.snakemake/$(1).$(PROCESS).last_line
RUN = mkdir -p .snakemake; export INTRIGUING_LAST_LINE="$(call LAST_LINE,$@)"; \
	echo "$@ failed: see the lines above" > "$$INTRIGUING_LAST_LINE"; \
	if $(1); then rm -f "$$INTRIGUING_LAST_LINE"; else [ -s "$$INTRIGUING_LAST_LINE" ]; fi
END = $(call END_WITH,$(shell cat "$(call LAST_LINE,$<)" 2>/dev/null && rm -f "$(call LAST_LINE,$<)"))
END_WITH = $(if $(1),$(error $(1)))

# these take an experiment as a variable: another target is built beside them, from nothing after clean
NAMED_BY := plan:NAME clean:NAME verify:EXPERIMENT snapshot:EXPERIMENT
ALONE := $(firstword $(filter plan clean verify snapshot,$(MAKECMDGOALS)))
BESIDE := $(firstword $(filter-out $(TARGETS),$(MAKECMDGOALS)))
ifneq ($(and $(ALONE),$(BESIDE)),)
$(error $(BESIDE) would be built beside make $(ALONE): give \
	make $(ALONE) $(patsubst $(ALONE):%,%,$(filter $(ALONE):%,$(NAMED_BY)))=$(BESIDE))
endif

PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2
EXPERIMENT ?= digits
TOLERANCE ?= 0
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile $(if $(filter random,$(ORDER)),-p randomly)

.DEFAULT_GOAL := digits
.PHONY: $(TARGETS) $(EXPERIMENTS) $(EXPERIMENTS:%=build-%) dry-run second-build small-copy

$(EXPERIMENTS): %: build-%
	$(END)
	@echo "every table and figure is in results/$@/page.html"

$(EXPERIMENTS:%=build-%): build-%: $(READY) $(if $(filter slurm,$(PROFILE)),slurm)
	@$(call RUN,$(call BUILD,$*))

plan: dry-run  ## what make NAME=digits would run: jobs of each stage, and why
	$(END)

dry-run: $(READY)
	$(if $(filter $(or $(NAME),digits),$(EXPERIMENTS)),,$(error $(call UNKNOWN,$(NAME))))
	@$(call RUN,$(BIN)/snakemake -n $(or $(NAME),digits) --quiet host | \
		$(BIN)/python -m intriguing.experiment.plan workflow/rules)

check: $(READY)  ## format, style, spelling, import contracts, types, unit tests (two minutes)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/codespell
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python docs/generate.py --check
	@$(PYTEST) tests/unit

# the tests of tests/cluster need it where there is a SLURM
test: $(READY) $(if $(shell command -v sinfo),slurm)  ## all tests, without any download (ORDER=random, WORKERS=8)
	@$(PYTEST)

# everything but the results is the same there: relative paths of an experiment hold
verify: second-build  ## build EXPERIMENT=digits a second time in .verify and compare every file
	$(END)
	@$(BIN)/python -m intriguing.artifacts.comparison results/$(EXPERIMENT) .verify/results/$(EXPERIMENT) \
		--tolerance $(TOLERANCE)

second-build: $(EXPERIMENT)
	@rm -rf .verify && mkdir .verify
	@for name in *; do [ "$$name" = results ] || ln -s "../$$name" .verify/; done
	@$(call RUN,$(BIN)/snakemake $(EXPERIMENT) --directory .verify --quiet host reason)

SNAPSHOT = docs/reproduction/$(EXPERIMENT)
snapshot: small-copy  ## build EXPERIMENT=digits; a small copy of it, to be committed, in docs/reproduction
	$(END)

small-copy: $(EXPERIMENT)
	@$(call RUN,$(BIN)/python -m intriguing.report.snapshot results/$(EXPERIMENT) $(SNAPSHOT))

lint: $(READY)  ## check format and style of Python and Snakemake files
	@$(BIN)/pytest tests/workflow/test_style.py

docs: $(READY)  ## regenerate the documentation that is made from the code
	@$(BIN)/python docs/generate.py

site: $(READY)  ## the documentation as a site, docs/_build/html, with the reference of the library
	@$(BIN)/python -m sphinx -c docs . docs/_build/html --fail-on-warning --keep-going --quiet
	@echo "the documentation is in docs/_build/html/index.html"

benchmark: $(READY) .venv/peers  ## our attacks and bounds compared with others, on MNIST and AlexNet (an hour)
	@$(BIN)/snakemake results/mnist/models/fc100/seed0 results/mnist/models/fc10_1e-4/seed0
	@$(BIN)/python benchmarks/attack.py
	@$(BIN)/python benchmarks/budgets.py --picture results/mnist/attack_budgets.png
	@$(BIN)/python benchmarks/lipschitz.py

slurm: .venv/slurm  ## install Snakemake's executor for SLURM (docs/cluster.md)

.venv/slurm: $(READY)
	@$(PIP) install --quiet -c requirements.lock "snakemake-executor-plugin-slurm==2.8.0" \
		"snakemake-executor-plugin-slurm-jobstep==0.6.1"
	@touch $@

# visdom, which adv-lib imports, is built with what setuptools dropped in version 81
.venv/peers: $(READY)
	@echo "setuptools<81" > .venv/build-constraints
	@PIP_CONSTRAINT=.venv/build-constraints $(PIP) install --quiet "visdom==0.2.4"
	@$(PIP) install --quiet -c requirements.lock "adv-lib==0.2.8" "foolbox==3.3.4"
	@touch $@

format: $(READY)  ## format Python and Snakemake files
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

NO_RESULTS = there are no results of $(1): results/ has $(or $(call LISTED,$(RESULTS)),none)
NOT_CLEANED = all results would be removed: give NAME=own for those of one experiment, or YES=1
clean:  ## remove the results of NAME=own; without NAME ask (unless YES=1), then all, with Snakemake's records
ifdef NAME
	$(if $(filter $(NAME),$(RESULTS)),,$(error $(call NO_RESULTS,$(NAME))))
	@rm -rf "results/$(NAME)"
	@echo "removed results/$(NAME)"
else
	$(if $(YES)$(shell [ -t 0 ] && echo terminal),,$(error $(NOT_CLEANED)))
	@[ -n "$(YES)" ] || { printf "remove all results ($(call LISTED,$(RESULTS)))? [y/N] "; read answer; \
		[ "$$answer" = y ]; } || { echo "nothing is removed"; exit 1; }
	@rm -rf .snakemake results/*/ .verify
endif

help:  ## this list
	@echo "make            environment and the default experiment, digits"
	@echo "make NAME       every table and figure of an experiment: $(call LISTED,$(EXPERIMENTS))"
	@echo "make NAME PROFILE=slurm CACHE=...  through SLURM; trained models shared in that folder"
	@echo "make TORCH=...  once: torch from that package index or folder, to spare the CUDA build"
	@sed -n 's/^\([a-z]*\):.*  ## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

.DEFAULT:
	$(error $(call UNKNOWN,$@); other targets are $(call LISTED,$(TARGETS)))

# What cannot work is refused before anything is installed.
define CHECK_MACHINE
import os, sys

if sys.version_info < (3, 11):
    sys.exit(
        "Python 3.11 or newer is needed, $(PYTHON) is %d.%d: run make PYTHON=python3.11"
        % sys.version_info[:2]
    )
# Snakemake 9.27 puts the path of Python into a shell command without quotes
path = os.getcwd()
unsafe = {c for c in path if c.isascii() and not c.isalnum() and c not in "/._-+,@%=~^!#"}
if unsafe:
    sys.exit(
        f"The path of this folder, {path!r}, contains {' '.join(map(repr, sorted(unsafe)))},"
        " with which Snakemake cannot start a job: move the folder to a path of letters, digits,"
        " '-', '_' and '.'"
    )
source = sys.argv[1]
if source and "://" not in source and not os.path.isdir(source):
    sys.exit(f"TORCH={source} is neither the address of a package index nor a folder of wheels")
endef

# Says which torch is going to be downloaded; `pip index` asks for names only, whereas older
# versions of `pip install --dry-run` download the wheel. Sizes are those of torch 2.13.
define ANNOUNCE_TORCH
import re, subprocess, sys
from importlib import metadata

pinned = re.search(r"^torch==(\S+)", open("requirements.lock").read(), re.M)[1]
if any(d.version.split("+")[0] == pinned for d in metadata.distributions(name="torch")):
    sys.exit()
pip = [sys.executable, "-m", "pip", "--timeout", "5", "--retries", "0"]
answer = subprocess.run(
    [*pip, "index", "versions", "torch", *sys.argv[1:]], capture_output=True, text=True, timeout=30
).stdout
builds = [v for v in re.findall(r"[\w.+]+", answer) if v.split("+")[0] == pinned]
if len(sys.argv) > 1 and not builds:
    sys.exit()  # pip is about to say what that source lacks
build = builds[0] if builds else pinned  # the first is the one that pip prefers
advice = ""
if "+cpu" in build:
    size = "the build without CUDA, a download of about 0.2 GB"
elif "+" in build:
    size = "a build for graphics cards, a download of 2 GB or more"
elif sys.platform != "linux":
    size = "a download of about 0.1 GB"
elif len(sys.argv) > 1:
    size = "of that source, which does not say for which hardware it is"
else:
    size = "the build for NVIDIA cards, a download of about 2.6 GB, 5 GB on disk"
    advice = (
        "\nWithout such a card: stop, then make TORCH=... with the address of PyTorch's index of CPU"
        " builds or a folder of wheels"
    )
guess = "" if builds else " (usually: pip did not answer)"
print(f"torch {build}: {size}{guess}{advice}", flush=True)
endef

# Says that torchvision was built for another build of torch, as when they come from two places: its
# data sets and networks work all the same (src/intriguing/torchvision_import.py).
define CHECK_PAIR
from importlib import metadata

try:
    from torchvision import extension

    fits = extension._has_ops()
except RuntimeError:
    fits = False
if not fits:
    torch, torchvision = map(metadata.version, ("torch", "torchvision"))
    print(
        f"torchvision {torchvision} was made for another build of torch than {torch}: the workflow"
        " works with them, but torchvision's compiled operators do not; to have both from one"
        " place: rm -r .venv, then make TORCH=... with a package index or a folder of wheels"
    )
endef
export CHECK_MACHINE ANNOUNCE_TORCH CHECK_PAIR

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c "$$CHECK_MACHINE" "$(TORCH)"
	@echo "making the environment .venv with the versions of requirements.lock (a few minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -c "$$ANNOUNCE_TORCH" $(TORCH_OPTIONS) 2>/dev/null || true
ifneq ($(TORCH),)
	@$(PIP) install --quiet --no-deps $(TORCH_OPTIONS) $$(grep -E '^torch(vision)?==' requirements.lock)
endif
	@$(PIP) install --quiet -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "$$CHECK_PAIR"
	@echo "$(TORCH)" > $@
	@echo "the environment is ready"
