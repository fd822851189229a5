"""The server's settings as VS Code lists them: `python -m flux_ls.lsp.manifest [editors/vscode/package.json]`.

Without a file it prints; with one it renews the properties below `flux.` that are the server's. Those of the extension
alone stand in its package.json and have a dot in their names.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flux_ls.config import OPTIONS, Settings, values
from flux_ls.config.options import Option
from flux_ls.config.settings import as_dict

_TYPES: dict[Callable[..., object], dict[str, Any]] = {
    values.file: {"type": "string"},
    values.word: {"type": "string"},
    values.command: {"type": "string"},
    values.address: {"type": "string"},
    values.http_port: {"type": "integer", "minimum": 1, "maximum": 65535},
    values.grpc_port: {"type": "integer", "minimum": 0, "maximum": 65535},
    values.texts: {"type": "array", "items": {"type": "string"}},
    values.pairs: {"type": "array", "items": {"type": "string", "pattern": "^[^=]+=.+$"}},
    values.services: {"type": "array", "items": {"type": "string"}},
    values.days: {"type": "number", "minimum": 0},
    values.seconds: {"type": "number", "minimum": 0},
    values.share: {"type": "number", "minimum": 0, "maximum": 1},
    values.store_size: {"type": ["integer", "string"]},
    values.budget: {"type": ["integer", "string"]},
    values.switch: {"type": "boolean"},
    values.hints: {"type": "integer", "minimum": 1},
    values.calls: {"type": "integer", "minimum": 0},
}
_SCOPES = {
    # Programs that are run, and files that are written: of this machine, and a folder has to be trusted to name them.
    "store": "machine-overridable",
    "python": "machine-overridable",
    # Where the user's key is sent: no folder may say it, trusted or not.
    "explain_provider": "machine",
    "explain_model": "machine",
    "explain_url": "machine",
    # One collector serves all folders.
    "otlp_http_port": "machine-overridable",
    "otlp_grpc_port": "machine-overridable",
    "retention_days": "window",
    "retention_bytes": "window",
    "idle_exit": "window",
    "collector": "window",
    "redact_keys": "window",
}
"""All others may differ from folder to folder."""
_RESTRICTED = ("app", "replay_allow")
"""Besides what is of the machine: what a folder that nobody trusts may not say."""
_UNTOLD = ("store", "python", "app", "explain_provider", "explain_model", "explain_url")
"""Their defaults are places of a machine, or nothing."""


def properties() -> dict[str, dict[str, Any]]:
    """Of every setting of the server, by the name that the editor has for it."""
    defaults = as_dict(Settings())
    return {option.editor: _property(option, defaults[option.name]) for option in OPTIONS}


def restricted() -> list[str]:
    """What is not taken from a folder that is not trusted."""
    of_machine = [name for name, scope in _SCOPES.items() if scope.startswith("machine")]
    return [option.editor for option in OPTIONS if option.name in (*of_machine, *_RESTRICTED)]


def renewed(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with the server's settings as they should be; what is the extension's own stays."""
    contributes, capabilities = manifest["contributes"], manifest["capabilities"]
    configuration = contributes["configuration"]
    own = {name: value for name, value in configuration["properties"].items() if name.count(".") > 1}
    trust = capabilities["untrustedWorkspaces"]
    named = [name for name in trust["restrictedConfigurations"] if name in own]
    return manifest | {
        "contributes": contributes | {"configuration": configuration | {"properties": own | properties()}},
        "capabilities": capabilities
        | {"untrustedWorkspaces": trust | {"restrictedConfigurations": named + restricted()}},
    }


def written(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _property(option: Option, default: object) -> dict[str, Any]:
    told = {**_TYPES[option.read], "default": "" if option.name in _UNTOLD else default}
    if option.name == "explain_provider":
        told["enum"] = ["", "anthropic", "openai"]
    text = f"{option.help} Takes {option.accepts}."
    return {**told, "scope": _SCOPES.get(option.name, "resource"), "markdownDescription": text}


def main() -> None:
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(written(renewed(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    else:
        sys.stdout.write(json.dumps(properties(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
