#!/usr/bin/env bash
# Puts a VS Code that a browser can show into a folder: code-server and the Node that runs it, from npm alone.
# Nothing is compiled: two native modules are then missing, which the editor says in its log and does without.
set -euo pipefail
target=$(mkdir -p "${1:?usage: install.sh FOLDER}" && cd "$1" && pwd)
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-aarch64) platform=linux-arm64 ;;
  *) echo "the tests in a real VS Code run on Linux; this is $(uname -sm): they are skipped" >&2; exit 0 ;;
esac
quietly=(--no-audit --no-fund --no-package-lock --ignore-scripts --loglevel error)

install() { # FOLDER PACKAGE...
  mkdir -p "$1"
  test -e "$1/package.json" || echo '{"private": true}' >"$1/package.json"
  (cd "$1" && shift && node "$npm" install "${quietly[@]}" "$@")
}

npm=$(readlink -f "$(command -v npm)")
install "$target/node" "node-$platform@24.21.0"
export PATH="$target/node/node_modules/node-$platform/bin:$PATH"
ln -sfn "node_modules/node-$platform/bin/node" "$target/node/node"
install "$target/code-server" code-server@4.139.1
vscode="$target/code-server/node_modules/code-server/lib/vscode"
(cd "$vscode" && node "$npm" install "${quietly[@]}" --omit=dev)
# What no test uses: half of its size.
rm -rf "$vscode/node_modules/"{@github,@microsoft/mxc-sdk,@devcontainers}
(cd "$vscode/extensions" && rm -rf copilot mermaid-markdown-features microsoft-authentication github github-authentication \
  typescript-language-features ms-vscode.*)
