# `make train` and `make test` do all their own set-up: a virtual environment in .venv with the exact
# versions of requirements.txt. Python 3.11, 3.12 or 3.13; another one than python3: make train PYTHON=python3.12

PYTHON ?= python3
RECIPE ?= quickstart
BIN := .venv/bin
# Two processes, all of a test module in one of them: 180 s instead of 284 on two cores.
PARALLEL := -n 2 --dist loadfile

.PHONY: train test test-all lint clean

train: .venv/installed  ## Train a recipe: make train [RECIPE=tinyshakespeare] [ARGS="--text=…"]; replaces the run of the same name
	$(BIN)/python -m char_lstm_tf.train --flagfile=char_lstm_tf/flagfiles/$(RECIPE).flags --overwrite $(ARGS)

test: .venv/installed-dev lint  ## Lint and test; no network beyond the package index
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-all: .venv/installed-all lint  ## Also the slow tests, other runtimes and PyTorch; needs gcc
	$(BIN)/python -m pytest $(PARALLEL) -m "" $(ARGS)

lint: .venv/installed-dev
	$(BIN)/ruff check .

clean:  ## Remove the virtual environment and caches; runs in saved_models/ stay
	rm -rf .venv .pytest_cache .ruff_cache

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and \
	    "$(PYTHON) is Python " + sys.version.split()[0] + "; TensorFlow 2.21 needs 3.11, 3.12 or 3.13: make … PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/installed-all: requirements-serving.txt requirements-benchmarks.txt .venv/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-serving.txt -r requirements-benchmarks.txt
	@touch $@
