# `make demo` and `make test` do all the set-up they need; see README.md.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= work_dirs/demo

.PHONY: help env test lint demo clean

help:
	@echo "make demo   train, test and draw a small DirectPose on synthetic people (about 15 min)"
	@echo "make test   lint and run the test suite"
	@echo "make lint   ruff"
	@echo "make env    only build $(VENV)"

env: $(VENV)/.complete

# Written last by the script, so that a half-finished environment is built anew.
$(VENV)/.complete: requirements/build.txt requirements/compiled.txt requirements/lock.txt
	@bash tools/setup_env.sh $(PYTHON) $(VENV)

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

test: lint
	@$(BIN)/python -m pytest

demo: env
	@$(BIN)/python tools/demo_synthetic.py --out $(OUT)

clean:
	rm -rf $(VENV) work_dirs
