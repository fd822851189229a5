"""What the recorder in this process goes by: from `start()`, the environment, and the project's pyproject.toml."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from flux_ls.record.guard import say_once

ENDPOINT: Final = "FLUX_OTLP_ENDPOINT"
"""The base address of the collector: `http://127.0.0.1:4318`."""
RECORD: Final = "FLUX_RECORD"
"""`1` in a process that `flux run` started and in its children; `0` there switches the recorder off."""
SERVICE: Final = "FLUX_SERVICE"
"""The service's name where nothing else gives one, for processes that cannot tell by themselves."""

DEFAULT_PORT: Final = 4318


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """The settings in force; they mean what the settings of the same name in `flux config` mean."""

    endpoint: str = ""
    functions: tuple[str, ...] = ()
    redact_keys: tuple[str, ...] = ()
    in_app_include: tuple[str, ...] = ()
    in_app_exclude: tuple[str, ...] = ()
    record_rate: float = 1.0
    record_value_bytes: int = 4096
    record_span_bytes: int = 32768
    record_calls: int = 20
    record_row_reads: bool = True


_in_force = RecorderSettings(endpoint=f"http://127.0.0.1:{DEFAULT_PORT}")


def in_force() -> RecorderSettings:
    """The settings of the recorder in this process."""
    return _in_force


def put_in_force(settings: RecorderSettings) -> None:
    global _in_force
    _in_force = settings


def load(
    environ: Mapping[str, str] | None = None, root: Path | None = None, given: Mapping[str, object] | None = None
) -> RecorderSettings:
    """The settings for a process in `root`. What `given` has (not None) wins; what is unusable is left out."""
    environ = os.environ if environ is None else environ
    table = _table(root) if environ.get(RECORD) != "1" else {}  # `flux run` has read it and passes everything on
    values: dict[str, Any] = {}
    for name, raw in (
        *((name, table.get(name)) for name in _READ),
        *((name, environ.get("FLUX_" + name.upper(), "").strip() or None) for name in _READ),
        ("endpoint", environ.get(ENDPOINT, "").strip() or None),
        *(given or {}).items(),
    ):
        if raw is None:
            continue
        try:
            values[name] = _READ[name](raw)
        except (ValueError, TypeError, KeyError):
            say_once("the recorder's setting %s is not usable and left out: %r", name, raw)
    if "endpoint" not in values:
        values["endpoint"] = f"http://127.0.0.1:{_port(environ, table)}"
    return replace(RecorderSettings(), **values)


def as_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The settings as `load` reads them from the environment."""
    names = {each.name for each in fields(RecorderSettings)} - {"endpoint"}
    return {
        "FLUX_" + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in settings.items()
        if name in names and value not in ((), "")
    }


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(value)
    return tuple(stripped for each in value if (stripped := each.strip()))


def _share(value: Any) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(value)
    return share


_UNITS = {"k": 1024, "m": 1024**2}


def _budget(value: Any) -> int:
    if isinstance(value, str):
        text = value.strip().lower().removesuffix("b").removesuffix("i")
        unit = _UNITS.get(text[-1:], 1)
        value = float(text.rstrip("km")) * unit
    size = int(value)
    if not 64 <= size <= 1024**2:
        raise ValueError(value)
    return size


def _calls(value: Any) -> int:
    count = int(value)
    if not 0 <= count <= 1_000_000:
        raise ValueError(value)
    return count


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _switch(value: Any) -> bool:
    return _WORDS[str(value).strip().lower()]


def _address(value: Any) -> str:
    text = str(value).strip().rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError(value)
    return text.removesuffix("/v1/traces")


_READ: Final = {
    "endpoint": _address,
    "functions": _texts,
    "redact_keys": _texts,
    "in_app_include": _texts,
    "in_app_exclude": _texts,
    "record_rate": _share,
    "record_value_bytes": _budget,
    "record_span_bytes": _budget,
    "record_calls": _calls,
    "record_row_reads": _switch,
}


def _port(environ: Mapping[str, str], table: Mapping[str, object]) -> int:
    for raw in (environ.get("FLUX_OTLP_HTTP_PORT"), table.get("otlp_http_port")):
        try:
            port = int(str(raw))
        except ValueError:
            continue
        if 0 < port < 65536:
            return port
    return DEFAULT_PORT


def _table(root: Path | None) -> Mapping[str, object]:
    """`[tool.flux]` of the nearest pyproject.toml that has one; `flux config` tells what is wrong with it."""
    try:
        here = (root or Path.cwd()).absolute()
    except OSError:
        return {}
    for folder in (here, *here.parents):
        try:
            tool = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
        except (OSError, ValueError):
            continue
        if isinstance(tool, dict) and isinstance(table := tool.get("flux"), dict):
            return table
    return {}
