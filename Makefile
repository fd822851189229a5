# Set-up, checks and tests. `make demo` and `make test` need nothing but Python 3.11+, git, make and Node.
PYTHON ?= python3
BIN := .venv/bin
VSCODE := editors/vscode
EMMYLUA := .cache/emmylua/bin/emmylua_check
# Without byte code on disk, each of the many programs that the tests start would compile Flux anew.
export PYTHONDONTWRITEBYTECODE :=

PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
install := $(MAKE) --no-print-directory --jobs=3
# The linters run beside the tests and what is installed for these, and have their say when those have ended.
beside_lint = $(MAKE) --no-print-directory lint >.cache/lint 2>&1 & lint=$$!; \
	$(1); tested=$$?; \
	wait $$lint; linted=$$?; cat .cache/lint; \
	test $$tested -eq 0 && test $$linted -eq 0

.DEFAULT_GOAL := help
.PHONY: help demo test check lint package bench fuzz captures reference clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/demo ## break a small service and see its failure on the line that caused it
	$(BIN)/flux demo

test: .venv/develop ## lint, types, import rules and every test
	@$(install) .cache/stylua .cache/debian $(VSCODE)/node_modules/installed
	@$(call beside_lint,$(install) .cache/code-server/installed .cache/sqlalchemy-1.4 .cache/sqlalchemy-2.1 \
		.cache/e2e-node/installed dist/packaged && $(PYTEST))

check: .venv/develop .cache/stylua $(VSCODE)/node_modules/installed ## lint, types, import rules and the fast tests, in under a minute
	@$(call beside_lint,$(PYTEST) --quick)

lint: .venv/develop .cache/stylua $(VSCODE)/node_modules/installed ## lint, types and import rules alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm --prefix editors/neovim run --silent check
	npm --prefix $(VSCODE) run --silent check
	@if command -v luacheck >/dev/null; then cd editors/neovim && luacheck --quiet . ; \
	else echo "luacheck is not installed here (Debian: lua-check): Lua is checked without it"; test -z "$$CI"; fi
	@if test -x $(EMMYLUA); then cd editors/neovim && VIMRUNTIME="$$(../../$(BIN)/nvim --headless --clean \
	+'lua io.write(vim.env.VIMRUNTIME)' +qa)" ../../$(EMMYLUA) --warnings-as-errors . ; \
	else echo "emmylua_check is not here (with Rust: make .cache/emmylua): the types of Lua are not checked"; fi

package: dist/packaged ## make the VS Code extension, with the language server in it: dist/flux-*.vsix and the wheel

bench: .venv/develop ## print what Flux costs, as ratios measured in one run
	$(BIN)/python -m tests.bench

fuzz: .venv/develop ## feed the receiver random bytes for a minute
	$(BIN)/python tests/fuzz/otlp_payload.py 60

captures: .venv/develop .cache/code-server/installed ## draw the README's pictures anew from a real terminal, Neovim and VS Code
	$(BIN)/python -m tests.e2e.capture

reference: .venv/develop ## write the tables of README, CONTRIBUTING and package.json anew, from what the code says of itself
	$(BIN)/python -m flux_ls.cli.reference README.md
	$(BIN)/python -m flux_ls.lsp.reference CONTRIBUTING.md
	$(BIN)/python -m flux_ls.lsp.manifest $(VSCODE)/package.json

clean: ## remove what the other targets made
	rm -rf .venv .cache build dist editors/neovim/node_modules
	rm -rf $(addprefix $(VSCODE)/,node_modules dist bundled LICENSE)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[demo]'
	touch $@

# pip knows dependency groups since 25.1. It compiles one file after the other, so that is left to all cores; what
# cannot be compiled is old code that nobody imports.
.venv/develop: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --no-compile --editable '.[demo]' --group lint --group test --group apps
	$(BIN)/python -m compileall -qq -j 0 .venv/lib flux_ls || true
	touch $@ .venv/demo

# The recorder is tested against each; the environment itself has 2.0.
.cache/sqlalchemy-%: .venv/develop
	$(BIN)/pip install --quiet --upgrade --target $@/site-packages 'sqlalchemy~=$*.0' greenlet psycopg2-binary
	touch $@

# The editors and the browser that the tests drive and the linter of Lua, where they can be installed; what needs one
# that is missing says so.
.cache/debian:
	@missing=; command -v emacs >/dev/null || missing="emacs-nox elpa-eglot"; \
	command -v luacheck >/dev/null || missing="$$missing lua-check"; \
	test -d /usr/share/vim/vimfiles/pack/dist-bundle/opt/ale || missing="$$missing vim vim-ale"; \
	command -v chromium >/dev/null || missing="$$missing chromium fonts-dejavu-core"; \
	test -z "$$missing" || test "$$(id -u)" -ne 0 || ! command -v apt-get >/dev/null || \
	{ apt-get update -q -o Acquire::Retries=3 && \
	apt-get install -q -y -o Acquire::Retries=3 --no-install-recommends $$missing; } || \
	echo "could not install $$missing: what tests with these is skipped, or fails where CI is set"
	mkdir -p .cache && touch $@

.cache/stylua: editors/neovim/package.json
	npm --prefix editors/neovim install --silent --no-audit --no-fund --no-package-lock
	mkdir -p .cache && touch $@

$(VSCODE)/node_modules/installed: $(VSCODE)/package-lock.json
	npm --prefix $(VSCODE) ci --silent --no-audit --no-fund --ignore-scripts
	touch $@

# What is in the wheel; a module that was removed changes its folder.
dist/wheel: .venv/bin/python pyproject.toml README.md \
		$(shell find flux_ls -name __pycache__ -prune -o '(' -type d -o -name '*.py' -o -name '*.md' ')' -print)
	mkdir -p dist && rm -f dist/*.whl
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	touch $@

dist/packaged: dist/wheel $(VSCODE)/node_modules/installed LICENSE \
		$(shell find $(VSCODE) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/bundled/*' -not -name LICENSE)
	rm -rf $(VSCODE)/bundled dist/*.vsix && mkdir $(VSCODE)/bundled
	cp dist/*.whl $(VSCODE)/bundled/ && cp LICENSE $(VSCODE)/
	cd $(VSCODE) && npm run --silent package -- --out ../../dist/flux-$$(node -p 'require("./package.json").version').vsix
	touch $@

# A VS Code for the tests.
.cache/code-server/installed: tests/e2e/vscode/install.sh
	tests/e2e/vscode/install.sh .cache/code-server
	touch $@

# The packages of the applications on Node that the tests run; where these cannot be had, the tests say so.
.cache/e2e-node/installed: .venv/develop tests/e2e/apps/express_orders/package-lock.json
	$(BIN)/python -m tests.e2e.node express_orders && touch $@ || true

# Some minutes of compiling, so nothing else asks for it.
.cache/emmylua:
	cargo install --quiet --locked --root $@ emmylua_check@0.25.1
