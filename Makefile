# Each target sets up what it needs: `make demo` and `make test` work from a fresh clone with Python >= 3.11 and, for
# the native operators, a C++ compiler. Nothing is installed outside .venv.
#
#   make demo PYTHON=python3.12        another interpreter for a new .venv
#   make test ARGS="-k factorgcn"      more arguments for pytest
#   PIP_EXTRA_INDEX_URL=...            where PyTorch publishes its small CPU build: see docs/install.md

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help gpu-dry-run demo test test-all test-slow fuzz lint manifest docs bench dist matrix cuda emulate sanitize clean distclean FORCE

# The first interpreter that is new enough and can make an environment; only asked for when there is none yet.
CANDIDATES := python3.13 python3.12 python3.11 python3
CAN_MAKE_VENV := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?=

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
SOURCES := $(wildcard setup.py setup.cfg pyproject.toml constraints.txt graphkit/version.py graphkit/csrc/* graphkit/csrc/*/*)
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' graphkit/version.py)

# The line that `make demo` runs: it ends with the scores, the picture's path and the run folder's path.
DEMO := .venv/bin/graphkit train

help:
	@echo "make demo       set up .venv, train FactorGCN on factor-graphs, show the scores and where the pictures are"
	@echo "make test       the fast tests (ARGS=... goes to pytest); test-all adds what .ci/run takes, test-slow is the rest"
	@echo "make fuzz       mutated inputs for every reader, hostile arguments for every operator (SEED=...; many minutes)"
	@echo "make lint       ruff and mypy"
	@echo "make manifest   write graphkit/manifest.json, after a model, data set, loss, strategy or layout has changed"
	@echo "make docs       the documentation, in docs/_build/html; runs the tutorials that changed; a warning is an error"
	@echo "make bench      every benchmark: prints tables, writes JSON"
	@echo "make dist       the source distribution and both wheels, in dist/, with checks (minutes)"
	@echo "make matrix     test the wheels of make dist with other versions of Python, torch and PyG (ARGS=3.13; an hour)"
	@echo "make cuda       compile the CUDA kernels, without a GPU, where there is nvcc"
	@echo "make gpu-dry-run  run the script that tests and measures the CUDA kernels, on the CPU with tiny sizes"
	@echo "make emulate    test the CUDA operators on an emulated GPU"
	@echo "make sanitize   test the native operators, CUDA ones emulated, with g++'s sanitizers (many minutes)"
	@echo "make clean      remove what was built; make distclean removes .venv too"

demo: .venv/.stamp-plot
	@$(DEMO)

# Three tiers: test is for every change, test-all is what .ci/run takes, test-slow and fuzz are run by hand.
# Small tensors lose more to thread switches than they gain: one thread per worker.
test: .venv/.stamp-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m "not slow and not extended" $(ARGS)

test-all: .venv/.stamp-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m "not slow" $(ARGS)

test-slow: .venv/.stamp-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m slow $(ARGS)

SEED ?= 0
fuzz: .venv/.stamp-test
	@OMP_NUM_THREADS=1 $(PY) -W ignore -m tests.fuzz --count 20000 --seed $(SEED)
	@OMP_NUM_THREADS=1 $(PY) -W ignore -m tests.fuzz.operators --count 9000 --seed $(SEED)

lint: .venv/.stamp-lint
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check -q .
	@$(PY) -m mypy

# What the listings show of models and data sets; a test compares it with what the modules register.
manifest: .venv/.stamp-package
	@$(PY) -m graphkit.testing.manifest

docs: .venv/.stamp-docs
	@OMP_NUM_THREADS=1 $(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: .venv/.stamp-package
	@set -e; for file in $(sort $(wildcard benchmarks/*/*.py)); do echo "== $$file"; $(PY) "$$file"; done

# Both wheels are built from the source distribution. The native one holds none of torch's libraries: it uses those of the
# installed torch. Its tag says for which C libraries it is: at least that of this machine, see docs/support.md.
WHEEL := $(PIP) wheel -q --no-deps --no-build-isolation
dist: .venv/.stamp-release .venv/.stamp-test
	@rm -rf dist build/dist
	@$(PY) -m build -q --no-isolation --sdist > /dev/null
	@GRAPHKIT_BUILD_NATIVE=0 $(WHEEL) -w dist/pure dist/*.tar.gz
	@GRAPHKIT_BUILD_NATIVE=1 GRAPHKIT_BUILD_CUDA=0 $(WHEEL) -w build/dist dist/*.tar.gz
	@if [ "$$(uname)" = Linux ]; then \
	    PATH="$$PWD/.venv/bin:$$PATH" $(PY) -m auditwheel repair --exclude 'libtorch*' --exclude 'libc10*' \
	        -w dist build/dist/*.whl; \
	else \
	    cp build/dist/*.whl dist; \
	fi
	@$(PY) -m abi3audit --strict dist/*.whl
	@$(PY) -m twine check --strict dist/*.tar.gz dist/*.whl dist/pure/*.whl
	@GRAPHKIT_DIST=dist $(PY) -m pytest -n 0 -m extended tests/test_dist.py
	@ls -l dist/*.* dist/pure/*

matrix: .venv/.stamp-release
	@$(PY) tests/matrix.py $(ARGS)

# Two generations of GPUs stand for all. The library is loaded, to see that its kernels find their operators, and not run.
BUILD_CUDA := TORCH_CUDA_ARCH_LIST="8.0 9.0" GRAPHKIT_BUILD_CUDA=only $(PY) setup.py -q build_ext
cuda: .venv/.stamp-package
	@if ! PATH="$$PATH:$$CUDA_HOME/bin:/usr/local/cuda/bin" command -v nvcc > /dev/null; then \
	    echo "there is no nvcc: the CUDA kernels were not compiled"; \
	else \
	    $(BUILD_CUDA) --build-lib build/cuda --build-temp build/cuda && $(PY) -c "$$LIST_KERNELS"; \
	fi

define LIST_KERNELS
import torch
import graphkit.ops

torch.ops.load_library("build/cuda/graphkit/_cuda.abi3.so")
names = torch._C._dispatch_get_registrations_for_dispatch_key("CUDA")
names = sorted(name.removeprefix("graphkit::") for name in names if name.startswith("graphkit::"))
print("CUDA kernels, compiled for sm_80 and sm_90, not run:", *names)
assert names
endef
export LIST_KERNELS

gpu-dry-run: .venv/.stamp-test
	@PYTHON=$(PY) bash benchmarks/gpu/run.sh --dry-run --out build/gpu-dry-run

EMULATE := $(PY) -m pytest -n 0 -p tests.ops.cuda.emulated_operators
emulate: .venv/.stamp-test
	@OMP_NUM_THREADS=1 $(EMULATE) tests/ops/cuda/test_gpu_*.py -k "not opcheck and not compiles" $(ARGS)

# The sanitizers' own library must come first, and that of C++ with it, or exceptions end the process. What starts other
# compilers is left out, and what makes an emulated GPU work for minutes.
SANITIZED = OMP_NUM_THREADS=1 GRAPHKIT_LIBRARY=build/sanitize/graphkit ASAN_OPTIONS=detect_leaks=0 \
    LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)"
sanitize: .venv/.stamp-test
	@GRAPHKIT_SANITIZE=1 GRAPHKIT_BUILD_CUDA=0 $(PY) setup.py -q build_ext --build-lib build/sanitize --build-temp build/sanitize
	@$(SANITIZED) $(PY) -m pytest -n 0 -s tests/ops --ignore=tests/ops/cuda -k "not compiles and not library_that" $(ARGS)
	@$(SANITIZED) $(EMULATE) -s tests/ops/cuda/test_gpu_*.py tests/ops/test_segment*.py tests/ops/test_factor_aggregate.py \
	    -k "not compiles and not two_runs" $(ARGS)

clean:
	rm -rf build dist pyg_graphkit.egg-info docs/_build docs/api/generated .pytest_cache .mypy_cache .ruff_cache
	find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +
	rm -f graphkit/*.so graphkit/*/*.so
	rm -f .venv/.stamp-package  # the native operators went with the *.so: build them again next time

distclean: clean
	rm -rf .venv

# --- the environment -------------------------------------------------------------------------------------------------
# .venv/.place holds the folder .venv serves, and is written again only when the environment is new or the project has
# moved; whatever depends on it is then installed again. .venv/.busy exists while pip works: if it is found at the
# start, an earlier installation was killed in the middle, and the environment is made anew rather than trusted.

.venv/.place: FORCE
	@if [ -e .venv/.busy ] || ! $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then \
	    python="$(PYTHON)"; \
	    for candidate in $(CANDIDATES); do \
	        [ -z "$$python" ] && "$$candidate" -c '$(CAN_MAKE_VENV)' 2> /dev/null && python="$$candidate"; \
	    done; \
	    if ! "$${python:-false}" -c '$(CAN_MAKE_VENV)'; then \
	        echo "graphkit needs Python >= 3.11 with venv and ensurepip (on Debian: apt install python3-venv);" \
	             "say which with PYTHON=/path/to/python" >&2; \
	        exit 1; \
	    fi; \
	    echo "making .venv with $$("$$python" --version)"; \
	    rm -rf .venv && mkdir .venv && touch .venv/.busy || exit 1; \
	    "$$python" -m venv .venv || exit 1; \
	fi; \
	[ "$$(cat .venv/.place 2> /dev/null)" = "$$PWD" ] || echo "$$PWD" > .venv/.place

FORCE:

# $(call install,pip arguments): an error of pip's own leaves a sound environment, only a killed pip does not.
define install
	@touch .venv/.busy; \
	$(PIP) install -q -c constraints.txt $(1); code=$$?; \
	if [ $$code -lt 128 ]; then rm -f .venv/.busy; fi; \
	exit $$code
endef

# torch first: every package that depends on it would otherwise bring the newest CUDA build.
.venv/.stamp-torch: .venv/.place constraints.txt
	$(call install,torch)
	$(call install,setuptools wheel)
	@touch $@

# Without build isolation the native operators see the torch that they will run with.
.venv/.stamp-package: .venv/.stamp-torch $(SOURCES)
	$(call install,--no-build-isolation -e .)
	@touch $@

# This version of graphkit is installed by now: pip only adds what the extra names, and builds nothing.
.venv/.stamp-%: .venv/.stamp-package
	$(call install,"pyg-graphkit[$*]==$(VERSION)")
	@touch $@
