# make chat starts the chat on this machine, make join takes part in it, make test runs the tests.
# Every target installs what it needs.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
CHAT_STAMP := $(VENV)/.chat-installed
STAMP := $(VENV)/.installed
LAMBDA_PYTHON := python3.13
UV_COMPILE := $(VENV)/bin/uv pip compile --quiet --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock"
UV_HERE := --universal --python-version 3.11
UV_LAMBDA := --python-version $(LAMBDA_PYTHON:python%=%) --python-platform aarch64-manylinux_2_28

# Run the tests in parallel. tests/conftest.py says in how many processes, and which tests stay in one process. A process
# that crashes ends the run: with another one in its place, the run would not end (pytest-xdist's issue 1323).
PARALLEL := --numprocesses auto --dist loadgroup --max-worker-restart 0

# The Python of Lambda: the first one that starts, on PATH or among those of pyenv. A shim of pyenv on PATH may not start.
LAMBDA = $(shell for python in $(LAMBDA_PYTHON) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/$(LAMBDA_PYTHON); do \
	"$$python" -c '' 2>/dev/null && echo "$$python" && break; done)

# The value as you typed it, not the one of an environment variable called NAME.
given = '$(subst ','\'',$(if $(filter command,$(origin $(1))),$(value $(1))))'

# The Pulumi CLI: the one on PATH, or one that is built once, with what runs programs in YAML beside it. make clean
# spares them.
PULUMI := $(or $(shell command -v pulumi),.tools/pulumi)
PULUMI_TOOLS := $(if $(filter .tools/pulumi,$(PULUMI)),.tools/pulumi .tools/pulumi-language-yaml)
PULUMI_VERSION := v3.274.1

.PHONY: help chat join token emulator example test test-lambda engine mutants soak bench cost check format generate dist lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

chat: $(CHAT_STAMP) ## Start the chat on this machine; stop it with Ctrl-C
	@$(RUN) -m local $(ARGS)

join: $(CHAT_STAMP) ## Chat from the terminal: GROUP=demo NAME=ann; ARGS=--group=support for more groups; URL=wss://… for a chat elsewhere
	@$(RUN) -m local.join --group=$(call given,GROUP) --name=$(call given,NAME) --url=$(call given,URL) $(ARGS)

token: $(CHAT_STAMP) ## Print a token for make chat ARGS=--jwt: USER=ann GROUPS=demo,support
	@$(RUN) -m local.mint --user=$(call given,USER) --groups=$(call given,GROUPS) $(ARGS)

emulator: $(CHAT_STAMP) ## Start an AWS account on this machine for the Pulumi CLI; ARGS=--empty for the examples; stop it with Ctrl-C
	@$(RUN) -m local.aws $(ARGS)

example: $(CHAT_STAMP) ## Run an example on this machine: NAME=offline_push; stop it with Ctrl-C
	@$(RUN) -m local.example $(call given,NAME)

test: $(STAMP) node_modules/.installed ## Run the tests; ARGS="-m graph" for one layer, ARGS="-k name" for some; COVERAGE=1 fails below a floor, to which the browser layer does not count
	@$(if $(COVERAGE),rm -rf .build/coverage && mkdir -p .build/coverage)
	@$(RUN) $(if $(COVERAGE),-m coverage run) -m pytest $(PARALLEL) -m "not soak and not engine$(if $(COVERAGE), and not browser)" $(ARGS)
	@$(if $(COVERAGE),$(RUN) -m coverage combine --quiet && $(RUN) -m coverage report)
	@$(if $(COVERAGE),$(if $(ARGS),,$(RUN) -m pytest $(PARALLEL) -m browser))

test-lambda: ## Run the functions' tests on the Python of Lambda. If this machine does not have it, say so
	@python="$(LAMBDA)"; if [ -n "$$python" ]; then \
		$(MAKE) --no-print-directory VENV=.build/lambda PYTHON="$$python" .build/lambda/.installed && \
		.build/lambda/bin/python -m pytest $(PARALLEL) -m handlers; \
	else \
		echo "The functions' tests did not run on $(LAMBDA_PYTHON), on which Lambda runs the functions: this machine does" \
			"not have it. Install it (pyenv install $(LAMBDA_PYTHON:python%=%)), then: make test-lambda" >&2; \
	fi

engine: $(STAMP) $(PULUMI_TOOLS) ## Deploy with the Pulumi CLI, change, break and destroy, while clients chat; ARGS="-k name" for some
	@PULUMI_CLI="$(abspath $(PULUMI))" $(RUN) -m pytest $(PARALLEL) -m engine $(ARGS)

mutants: $(STAMP) ## Change the code in many small ways and show the changes that no test notices; ARGS="handlers.protocol.ids.*" limits it
	@$(RUN) .ci/mutants.py $(ARGS)

soak: $(STAMP) ## Run 200 clients with 10,000 messages and every kind of failure; takes minutes
	@$(RUN) -m pytest -m soak -s $(ARGS)

bench: $(STAMP) benchmarks/node/node_modules/.installed ## Compare the speed with the usual implementation; writes docs/benchmark.*
	@$(RUN) -m benchmarks.fanout $(ARGS)

cost: $(STAMP) ## Compute what a chat costs a month on AWS; ARGS="--people 20 --size 10 --messages 44000", ARGS=--help for all
	@$(RUN) -m benchmarks.cost $(ARGS)

check: $(STAMP) node_modules/.installed ## Check format, lint, security and types, and audit the Python packages
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/ruff check
	@$(RUN) -m mypy
	@for platform in win32 darwin; do $(RUN) -m mypy --platform $$platform local || exit 1; done
	@npm run --silent check
	@! git grep -nE "^(<{7}|>{7}) "
	@$(RUN) .ci/audit.py

format: $(STAMP) node_modules/.installed ## Format the code and fix what the linter can fix
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix
	@npm run --silent format

generate: $(STAMP) ## Write the arguments' types, config and documentation from their table
	@$(RUN) -m components.arguments.generate

dist: $(STAMP) ## Build into dist/: the wheel for programs that install the component, and the npm package of the browser client
	@rm -rf dist
	@$(RUN) -m hatchling build --target wheel
	@npm pack ./web --silent --pack-destination dist

lock: $(STAMP) ## Update the pinned dependencies of requirements*.in
	@$(RUN) -m pip install --quiet uv
	@$(UV_COMPILE) $(UV_LAMBDA) components/authorizer-requirements.in --output-file components/authorizer-requirements.txt
	@$(UV_COMPILE) $(UV_HERE) requirements.in --output-file requirements.txt
	@$(UV_COMPILE) $(UV_HERE) requirements-dev.in --output-file requirements-dev.txt
	@$(UV_COMPILE) $(UV_HERE) requirements-chat.in --constraint requirements-dev.txt --no-emit-package debugpy \
		--output-file requirements-chat.txt

clean: ## Remove everything that was installed or built, but not the messages in .chat/
	rm -rf $(VENV) .build dist mutants node_modules benchmarks/node/node_modules

# The chat needs a third of the packages. What installs all of them installs these too.
$(CHAT_STAMP): requirements-chat.txt
	@$(install)

$(STAMP): requirements-dev.txt
	@$(install)
	@touch $(CHAT_STAMP)

define install
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "This needs Python 3.11 or newer. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }; \
$(PYTHON) local/install.py $(VENV) $< && touch $@
endef

.tools/pulumi .tools/pulumi-language-yaml: .tools/%: .ci/%/go.sum
	@command -v go >/dev/null || { echo "This needs the Pulumi CLI: https://www.pulumi.com/docs/install/. Or install Go 1.26 or newer, and it is built from source" >&2; exit 1; }
	@echo "Building $@; this takes some minutes, once" >&2
	@cd $(<D) && go build -o ../../$@ \
		-ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" tool

# Real clients that the tests compare with. The chat itself needs none of them.
node_modules/.installed benchmarks/node/node_modules/.installed: %node_modules/.installed: %package-lock.json
	@command -v npm >/dev/null || { echo "This needs npm, for the clients that the tests compare with. Install Node.js 20 or newer" >&2; exit 1; }
	@echo "Installing Node.js packages into $(@D)" >&2
	@cd $(dir $<) && npm ci --silent --no-audit --no-fund
	@touch $@
