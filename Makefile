# Every target sets up what it needs; setting up again costs nothing.
.PHONY: help setup setup-deploy demo serve serve-lambda package plugin release test test-aws test-image test-plugin screenshots lint format load bench bench-quality fuzz lock clean

run := .venv/bin/python -m
lock := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock'

# Some shells export HOST as the machine's name: only one given to make may open the server to others.
host := $(if $(filter command,$(origin HOST)),--host $(HOST))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv with the locked packages (PYTHON=/path/to/python3 chooses the interpreter)
	@sh infra/setup.sh

setup-deploy: ## Make .venv with what a deployment to AWS needs only, a quarter of the size
	@sh infra/setup.sh deploy

demo: setup ## Do all that Moodle does with a made-up course, and show what came back
	@$(run) infra demo

serve: setup ## Serve a Moodle, and print what to type into its settings (HOST=... PORT=...)
	@$(run) infra serve $(host) $(if $(PORT),--port $(PORT))

serve-lambda: setup ## Serve the package for AWS Lambda behind AWS's limits (ARGS=--help)
	@$(run) infra.local.gateway $(host) $(if $(PORT),--port $(PORT)) $(ARGS)

package: setup ## Build the package for AWS Lambda, check it and say how large it is (ARCH=arm64)
	@$(run) infra.package $(if $(ARCH),--architecture $(ARCH))

plugin: setup ## Build the zip of the Moodle plugin
	@$(run) infra.plugin

release: setup ## Build all files of a release in dist (ADDRESS=where they will be downloaded from)
	@$(run) infra.release $(if $(ADDRESS),--address $(ADDRESS))

test: setup ## Run all tests and measure their coverage, or a choice (ARGS="-k word")
ifdef ARGS
	$(run) pytest $(ARGS)
else
	$(run) pytest --ignore=tests/aws --ignore=tests/image --ignore=tests/plugin --numprocesses auto --dist worksteal --cov --cov-report=
	$(run) coverage report --include='handler/*,mlcore/*,moodlemlbackend/*' --fail-under=95
endif

test-aws: setup ## Go the whole way on a made-up AWS, and test what was deployed, for some minutes
	$(run) pytest tests/aws $(ARGS)

test-plugin: setup ## Check the Moodle plugin's PHP, and let it work with a real server (needs php, phpunit, phpcs)
	find moodle-plugin tests/plugin -name '*.php' -print0 | xargs -0 -n 1 -P 4 php -l >/dev/null
	phpcs --standard=tests/plugin/phpcs.xml -s moodle-plugin
	$(run) pytest tests/plugin $(ARGS)

test-image: setup ## Build the container without Docker and try it, for some minutes (Debian, root)
	@command -v buildah debootstrap ip >/dev/null || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends buildah debootstrap iproute2 >/dev/null; }
	$(run) pytest tests/image $(ARGS)

screenshots: setup ## Take pictures of the pages, in light, dark and print, into .screenshots
	$(run) pytest tests/browser --screenshots .screenshots $(ARGS)

lint: setup ## Check style, formatting, types, the templates for AWS, and for known vulnerabilities
	$(run) ruff check
	$(run) ruff format --check
	$(run) mypy
	$(run) infra.aws.lint
	@$(run) infra.audit

format: setup ## Format the code, and fix what can be fixed by itself
	$(run) ruff check --fix-only
	$(run) ruff format

load: setup ## Put a server under load, for a minute (ARGS="--seconds 60 --clients 16")
	@$(run) infra.lab.load $(ARGS)

bench: setup ## Measure speed and memory against their goals (ARGS=--help lists the choices)
	@$(run) infra.lab.bench $(ARGS)

bench-quality: setup ## Measure the quality of learning, for hours at first (ARGS="--help")
	@$(run) infra.lab.quality $(ARGS)

fuzz: setup ## Feed 120,000 hostile inputs to all that reads what comes in (ARGS=--help)
	@$(run) infra.lab.fuzz $(ARGS)

lock: setup ## Lock the ranges of pyproject.toml anew (ARGS=--upgrade takes the newest releases)
	$(lock) --output-file requirements.txt pyproject.toml $(ARGS)
	$(lock) --output-file requirements-server.txt pyproject.toml --extra server --constraints requirements.txt $(ARGS)
	$(lock) --output-file requirements-dev.txt --group dev --constraints requirements.txt $(ARGS)
	$(lock) --output-file requirements-deploy.txt --group deploy --constraints requirements-dev.txt

clean: ## Remove all that these commands made, .venv included
	rm -rf .venv .bench .fuzz .image .package dist .screenshots .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find handler infra mlcore moodlemlbackend tests -name __pycache__ -prune -exec rm -rf {} +
