# `make demo` and `make test` do all the set-up they need; see README.md.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= work_dirs/demo
MODEL  ?= directpose_v2
# Two processes of one thread each; the tests of a file stay together, as they share trainings.
PYTEST = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(1)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

# Poses and places of COCO's people for `make ablation`; without them, scenes of our own
DIRECTPOSE_SHARED ?= ../shared
LABELS ?= $(wildcard $(DIRECTPOSE_SHARED)/data/coco_pose_labels/coco2017_pose_labels.npz)
SEEDS  ?= 0 1 2
# Each part adds to the ones before, the last to all of DirectPose.
ABLATION := -naive -ungrouped-shared -shared-features -same-level -no-heatmap
CONFIGS  ?= $(ABLATION:%=configs/directpose/directpose_tiny%_1xb4-4e_synthetic-coco-256x320.py) \
	configs/directpose/directpose_tiny_1xb4-4e_synthetic-coco-256x320.py

.PHONY: help env test full-size lint demo web notebook ablation reliability gpu-bench test-forks docs clean

help:
	@echo "make demo   train, test and draw a small DirectPose v2 on synthetic people (about 12 min);"
	@echo "            MODEL=directpose for the model of the paper"
	@echo "make web    a page that finds people in the browser, with the model of make demo"
	@echo "make notebook   run docs/tour.ipynb from top to bottom (about 10 min)"
	@echo "make ablation   train DirectPose with each of its parts, three seeds each (hours;"
	@echo "                goes on where it stopped; single runs: CONFIGS=… SEEDS=…; bfloat16: AMP=--amp)"
	@echo "make reliability   kill a training at many moments, feed broken files (about 15 min)"
	@echo "make test   lint and run the test suite"
	@echo "make full-size   every config on every path at its own width, all exports, kills on Ray (an hour)"
	@echo "make test-forks   the tests of make test with the community forks of OpenMMLab"
	@echo "make gpu-bench   every benchmark on a GPU, as a table (about an hour)"
	@echo "make lint   ruff, codespell, mypy"
	@echo "make docs   build the documentation into work_dirs/site"
	@echo "make env    only build $(VENV)"

env: $(VENV)/.complete

# Written last by the script, so that a half-finished environment is built anew.
$(VENV)/.complete: requirements/build.txt requirements/compiled.txt requirements/lock.txt
	@bash tools/setup_env.sh $(PYTHON) $(VENV)

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell projects tools tests configs docs *.md
	@$(BIN)/mypy

test: lint
	@$(call PYTEST,$(VENV))

# make test does the same with an eighth of the channels, and exports the paper's model only.
full-size: env
	@DIRECTPOSE_FULL_WIDTH=1 $(BIN)/python -m pytest -m 'full_size or slow' tests

gpu-bench: env
	@bash tools/dev/gpu_bench.sh

docs: .venv-docs/.complete
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "work_dirs/site/index.html"

.venv-docs/.complete: requirements/docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install -q -r requirements/docs.txt
	@touch $@

demo: env
	@$(BIN)/python tools/demo_synthetic.py --model $(MODEL) --out $(OUT)

$(OUT)/checkpoint.pth: | env
	@$(BIN)/python tools/demo_synthetic.py --model $(MODEL) --out $(OUT)

$(OUT)/model.onnx: $(OUT)/checkpoint.pth
	@$(BIN)/directpose export $(OUT)/train/*.py $< $@

web: $(OUT)/model.onnx
	@$(BIN)/directpose web $< --out $(OUT)/site --samples $(OUT)/data/images/00349[4-9].jpg
	@echo "to see it: $(BIN)/directpose web $< --out $(OUT)/site --samples $(OUT)/data/images/00349[4-9].jpg --serve"

notebook: .venv-notebook/.complete
	@PYTHONPATH=$(CURDIR)/.venv-notebook PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m nbconvert \
		--to notebook --execute --output-dir work_dirs/tour docs/tour.ipynb
	@echo "work_dirs/tour/tour.ipynb"

.venv-notebook/.complete: requirements/notebook.txt | env
	@$(BIN)/python -m pip install -q --target .venv-notebook -r requirements/notebook.txt
	@touch $@

ablation: data/synthetic_coco
	@$(BIN)/python tools/dev/ablation.py $(CONFIGS) --seeds $(SEEDS) --work-dir work_dirs/ablation $(AMP)

data/synthetic_coco: | env
	@echo "$(if $(LABELS),people in the poses and places of $(LABELS),no LABELS: scenes of our own)"
	@$(BIN)/python tools/make_synthetic.py $@ --num-train 3000 --num-val 500 $(if $(LABELS),--labels $(LABELS))

reliability: env
	@PYTHONPATH=tests $(BIN)/python -W ignore -m reliability.run

test-forks: .venv-forks/.complete
	@$(call PYTEST,.venv-forks)

.venv-forks/.complete: requirements/build.txt requirements/compiled.txt requirements/lock.txt requirements/forks.txt
	@bash tools/dev/setup_forks.sh $(PYTHON) .venv-forks

clean:
	rm -rf $(VENV) .venv-docs .venv-forks .venv-notebook
