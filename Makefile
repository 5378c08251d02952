# Two commands matter: `make book` and `make test`. `make help` lists the rest.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# Touched after an installation, so that nothing is installed twice.
READY := $(VENV)/.installed
# What Colab has, beside the book's own torch.
COLAB := .venv-colab

# The TOC must be absolute: a relative one is looked for inside book/.
BUILD := $(BIN)/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" \
	--path-output . -W -n --keep-going -q

# Tests that need nothing but coordlib: not those of the book and its tools.
LIBRARY := tests/library tests/lab

.PHONY: help book serve test library tracers colab gpu data notebooks seeds bench print slides links formulas lighthouse package lint types format lock newest address clean
.DEFAULT_GOAL := help

# Two processes on two cores: one thread each, in kernels too. The stored outputs
# are made the same way, because the order of a sum depends on the threads.
test library tracers colab data notebooks seeds: export OMP_NUM_THREADS = 1
test library tracers colab data notebooks seeds: export MKL_NUM_THREADS = 1

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "The book needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of requirements.txt into $(VENV) (a minute or more, once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A page that failed must be read again next time, or its warning would be
# forgotten: hence the doctrees go when the build fails.
book: $(READY) ## Build the site
	@$(BUILD) || { rm -rf _build/.doctrees; exit 1; }
	@echo "The book is built in $(CURDIR)/_build/html. Look at it with: make serve"

serve: book ## Build the site and serve it on PORT (8000)
	@echo "Serving http://localhost:$(PORT) (stop with Ctrl-C)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

# After the installation nothing needs the network: conftest.py closes the ways out, and
# gives tests and notebooks an empty cache of data.
#
# One pytest run for unit tests, docstrings, notebooks and their hygiene keeps both cores busy;
# loadfile because the cells of a notebook must stay together.
test: lint ## Check everything: style, unit tests, docstrings, notebooks, site
	$(BIN)/python -m pytest -n 2 --dist loadfile \
		--doctest-modules --nbval --nbval-current-env \
		--nbval-sanitize-with sanitize.cfg tests coordlib tools book
	$(BUILD) --all
	$(BIN)/python -m pytest -q -n 2 --dist loadscope -m site tests

# The environment is not ready afterwards: the next command installs the pinned torch.
library: $(READY) ## Test coordlib alone with another torch (TORCH="torch==2.11.*")
	@rm $(READY)
	$(BIN)/python -m pip install -qq --upgrade $(if $(TORCH),"$(TORCH)",torch)
	$(BIN)/python -m pytest -n 2 --doctest-modules $(LIBRARY) coordlib

# ONNX is tried where the packages of the extra `onnx` are installed.
tracers: $(READY) ## Trace, compile and export every layer, half an hour
	$(BIN)/python -m pytest -n 2 -m "" tests/library/test_tracers.py

# The other way round than everywhere else: the packages are Colab's, and torch the book's.
$(COLAB)/.installed: tools/colab-versions.txt $(READY)
	@rm -rf $(COLAB)
	@$(BIN)/python -m venv $(COLAB)
	@echo "Installing Colab's packages into $(COLAB) (a minute or more, once)"
	@$(COLAB)/bin/python -m pip install -qq --disable-pip-version-check -r tools/colab-versions.txt
	@$(BIN)/python tools/linked.py $(COLAB) torch
	@touch $@

colab: $(COLAB)/.installed ## Run every notebook and figure with the packages that Colab has
	$(BIN)/python -m pytest -rA --no-header -m colab -n 2 --dist loadgroup tests/book

# With what the named Python has: a machine with an accelerator has its own torch.
gpu: ## Check tests, notebooks and speed on an accelerator (PYTHON=python3 DEVICE=cpu ONLY=book/x.ipynb)
	@$(PYTHON) tools/gpu.py --device $(or $(DEVICE),auto) $(ONLY) --tests $(LIBRARY)

data: $(READY) ## Test what needs complete data sets and weights (fetches 400 MB, once)
	$(BIN)/python -m pytest -m data tests

notebooks: $(READY) ## Execute the notebooks and store their outputs (ONLY=book/x.ipynb for one)
	@$(BIN)/python tools/notebooks.py $(ONLY)

seeds: $(READY) ## Ask which asserts of a notebook hold with ten seeds (ONLY=book/x.ipynb)
	@$(BIN)/python tools/seeds.py $(ONLY)

print: book ## Print the whole book as one PDF, _build/where-is-it.pdf
	@$(BIN)/python tools/pdf.py

slides: $(READY) ## Make slides of the chapters in _build/slides (ONLY=book/x.ipynb for one)
	@$(BIN)/python tools/slides.py $(ONLY)

links: $(READY) ## Check that the addresses on the pages answer (needs the network)
	$(BUILD) --builder linkcheck

# The first build says which are missing, and fails of it.
formulas: $(READY) ## Set the formulas that were written or changed (needs Chromium)
	@$(BUILD) --all 2> /dev/null || true
	@$(BIN)/python tools/formulas.py
	@$(BUILD) --all

lighthouse: book ## Ask Lighthouse about every page (needs Node.js and the network, once)
	@$(BIN)/python tools/lighthouse.py

# What an earlier build left in build/ would go into the wheel, though its source is gone.
package: $(READY) ## Build coordlib's wheel into dist
	rm -rf build dist
	$(BIN)/python -m pip wheel -qq --disable-pip-version-check --no-deps --no-build-isolation -w dist .

bench: $(READY) ## Time coordlib beside others on an idle machine, forty minutes (ONLY=decoder for one)
	@KINETO_LOG_LEVEL=99 $(BIN)/python -m benchmarks $(ONLY)

lint: $(READY) ## Check the style of the code, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# It is no part of the book's environment: `pip install mypy` anywhere on the path will do.
types: $(READY) ## Check the types of the library, where mypy is installed
	@command -v mypy >/dev/null || { echo "mypy is not installed: pip install mypy"; exit 1; }
	mypy --python-executable $(BIN)/python

format: $(READY) ## Mend the style of the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Resolve requirements.in again and write requirements.txt
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -qq -r requirements.in
	.venv-lock/bin/python tools/lock.py > requirements.new
	mv requirements.new requirements.txt
	rm -rf .venv-lock

newest: ## Take the pins out of requirements.in, to see what the newest packages break
	sed -i.bak -e '/^jupyter-book/!s/==.*//' requirements.in && rm requirements.in.bak

address: $(READY) ## Change the repository's address everywhere (URL=https://github.com/you/repo)
	@$(BIN)/python tools/repository.py "$(URL)"

clean: ## Remove everything that was built; .venv stays
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache book/.ruff_cache .mypy_cache .hypothesis
