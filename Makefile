# `make train` and `make test` set up everything they need: a virtual environment in .venv with the exact versions of
# requirements.txt. They take python3, which must be 3.11, 3.12 or 3.13. For another: make train PYTHON=python3.12

PYTHON ?= python3
TRITON_PYTHON ?= /usr/bin/python3
RECIPE ?= quickstart
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# Two processes, each test module in one of them. In the order of their names, since the modules with the fewest tests
# have the slowest ones, and would come last.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: train test test-all lint clean

train: .venv/installed  ## Train a recipe: make train [RECIPE=tinyshakespeare] [ARGS="--text=…"] (replaces the run of the same name)
	$(BIN)/python -m char_lstm_tf.train --flagfile=$(RECIPE) --overwrite $(ARGS)

test: .venv/installed-dev lint  ## Lint and test; no network beyond the package index
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-all: .venv/installed-all lint  ## Also the slow tests, other runtimes and PyTorch; needs gcc
	@$(MAKE) --quiet .venv/installed-kenlm || echo "KenLM can't be built here, so its tests are skipped"
	@$(MAKE) --quiet .venv-triton/installed || echo "NVIDIA Triton can't be installed here, so its test is skipped"
	@$(MAKE) --quiet .venv-ray/installed || echo "Ray can't be installed here, so its test is skipped"
	$(BIN)/python -m pytest $(PARALLEL) -m "" $(ARGS)

lint: .venv/installed-dev  ## Style, types, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:  ## Remove the virtual environment and caches, not the runs in saved_models/
	rm -rf .venv .venv-triton .venv-ray .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis build *.egg-info

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and \
	    "$(PYTHON) is Python " + sys.version.split()[0] + "; TensorFlow 2.21 needs 3.11, 3.12 or 3.13: make … PYTHON=python3.12")'
	@echo "Installing TensorFlow and the rest into .venv: 2.5 GB, and some minutes"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	$(PIP) -r requirements/dev.txt
	@touch $@

.venv/installed-all: requirements/serving.txt requirements/benchmarks.txt .venv/installed-dev
	$(PIP) -r requirements/serving.txt -r requirements/benchmarks.txt
	@touch $@

# pip would take a module that it has built before, for shorter n-grams.
.venv/installed-kenlm: requirements/kenlm.txt .venv/installed
	MAX_ORDER=16 $(PIP) --quiet --no-cache-dir -r $<
	@touch $@

# TensorFlow is that of .venv, so both must be Python 3.11.
.venv-triton/installed: requirements/triton.txt .venv/installed
	rm -rf .venv-triton
	$(TRITON_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
	$(TRITON_PYTHON) -m venv .venv-triton
	.venv-triton/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	echo "$(CURDIR)/.venv/lib/python3.11/site-packages" > .venv-triton/lib/python3.11/site-packages/tensorflow.pth
	.venv-triton/bin/python -c 'import tensorflow, pytriton' 2>/dev/null
	@touch $@

.venv-ray/installed: requirements/ray.txt .venv/installed
	rm -rf .venv-ray
	$(BIN)/python -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	    $$(.venv-ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tensorflow.pth
	@touch $@
