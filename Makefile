# make chat: the whole chat on this machine. make join: take part in it. make test: every test. All set up what they need.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
UV_COMPILE := $(VENV)/bin/uv pip compile --quiet --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock"
UV_HERE := --universal --python-version 3.11
UV_LAMBDA := --python-version 3.13 --python-platform aarch64-manylinux_2_28

# As it was typed, and not from an environment that has a NAME of its own.
given = '$(subst ','\'',$(if $(filter command,$(origin $(1))),$(value $(1))))'

.PHONY: help chat join test soak bench check format generate lock clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

chat: $(STAMP) ## Start the chat on this machine; Ctrl-C ends it
	@$(RUN) -m local $(ARGS)

join: $(STAMP) ## Chat from the terminal: GROUP=demo NAME=ann, and URL=wss://… unless it is the chat of this machine
	@$(RUN) -m local.join --group=$(call given,GROUP) --name=$(call given,NAME) --url=$(call given,URL) $(ARGS)

test: $(STAMP) node_modules/.installed ## Run the tests; ARGS="-k name" picks some
	@$(RUN) -m pytest -m "not soak" $(ARGS)

soak: $(STAMP) ## Hundreds of clients, thousands of messages, and everything that breaks; takes minutes
	@$(RUN) -m pytest -m soak -s $(ARGS)

bench: $(STAMP) benchmarks/node/node_modules/.installed ## Measure the fan-out against what users have today; writes docs/benchmark.*
	@$(RUN) -m benchmarks.fanout $(ARGS)

check: $(STAMP) node_modules/.installed ## Check format, lint, security and types, and audit the Python packages
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/ruff check
	@$(RUN) -m mypy
	@npm run --silent check
	@$(RUN) .ci/audit.py

format: $(STAMP) node_modules/.installed ## Format the code and mend what the linter can
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix
	@npm run --silent format

generate: $(STAMP) ## Write the arguments' types, config and documentation from their table
	@$(RUN) -m components.arguments.generate

lock: $(STAMP) ## Pin the dependencies of requirements*.in anew
	@$(RUN) -m pip install --quiet uv
	@$(UV_COMPILE) $(UV_LAMBDA) components/authorizer-requirements.in --output-file components/authorizer-requirements.txt
	@$(UV_COMPILE) $(UV_HERE) requirements.in --output-file requirements.txt
	@$(UV_COMPILE) $(UV_HERE) requirements-dev.in --output-file requirements-dev.txt

clean: ## Remove what was installed
	rm -rf $(VENV) .build node_modules benchmarks/node/node_modules

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing the Python environment into $(VENV); this takes a minute, once" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Real peer clients for the tests, nothing of the chat itself.
node_modules/.installed benchmarks/node/node_modules/.installed: %node_modules/.installed: %package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed for clients to compare with: install Node.js 20 or newer" >&2; exit 1; }
	@echo "Installing Node.js packages into $(@D)" >&2
	@cd $(dir $<) && npm ci --silent --no-audit --no-fund
	@touch $@
