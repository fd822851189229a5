"""The settings in force: the layers as they pile up, each with its origin."""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from msgspec import Struct, field, structs

from flux_ls.config.options import OPTIONS, Option
from flux_ls.config.values import GIB, Place, Rejected


class Settings(Struct, frozen=True):
    """The settings in force; what each means stands in `OPTIONS`."""

    store: Path = field(default_factory=lambda: default_store({}))
    otlp_http_port: int = 4318
    otlp_grpc_port: int = 4317
    path_map: tuple[str, ...] = ()
    in_app_include: tuple[str, ...] = ()
    in_app_exclude: tuple[str, ...] = ()
    retention_days: float = 7.0
    retention_bytes: int = 2 * GIB
    idle_exit: float = 1800.0
    collector: bool = True
    show_handled: bool = True
    traffic_lens: bool = False
    hints_per_file: int = 50
    inlay_hints: bool = False
    functions: tuple[str, ...] = ()
    redact_keys: tuple[str, ...] = ()
    record_rate: float = 1.0
    record_value_bytes: int = 4096
    record_span_bytes: int = 32768
    record_calls: int = 20
    record_row_reads: bool = True
    python: str = "python3"
    app: str = ""
    replay_allow: tuple[str, ...] = ()
    explain_provider: str = ""
    explain_model: str = ""
    explain_url: str = ""


class Loaded(Struct, frozen=True):
    """The settings in force, where each came from, and what was wrong on the way."""

    settings: Settings
    origin: dict[str, str]
    warnings: tuple[str, ...] = ()


def default_store(environ: Mapping[str, str]) -> Path:
    data_home = environ.get("XDG_DATA_HOME", "")
    if data_home and Path(data_home).is_absolute():
        return Path(data_home) / "flux" / "flux.db"
    return platformdirs.user_data_path("flux", appauthor=False) / "flux.db"


def load(
    root: Path | None,
    environ: Mapping[str, str],
    editor: Mapping[str, object] | None = None,
    flags: Mapping[str, object] | None = None,
    *,
    inside: Path | None = None,
) -> Loaded:
    """The settings for work in `root`. `flags` are named like the settings; None there means not given.

    `inside` is the folder of `root` that one is in: of several projects in a checkout, the one around it counts.
    """
    here = (root or Path.cwd()).absolute()
    loading = _Loading(default_store(environ))
    if (found := _pyproject((inside or here).absolute(), loading.warnings)) is not None:
        file, table = found
        loading.take(table, Place("pyproject", file.parent), lambda name: name, lambda _: f"pyproject.toml ({file})")
    loading.take_environment(environ, Place("environment", here))
    loading.take(editor or {}, Place("editor", here), _snake, lambda _: "editor", ignored=("trace",))
    loading.take(flags or {}, Place("flag", Path.cwd()), lambda name: name, lambda name: "--" + name.replace("_", "-"))
    return loading.loaded()


class _Loading:
    """The layers as they pile up."""

    def __init__(self, store: Path) -> None:
        self.values: dict[str, Any] = {"store": store}
        self.origin = {option.name: "default" for option in OPTIONS}
        self.warnings: list[str] = []

    def take(
        self,
        given: Mapping[str, object],
        place: Place,
        to_name: Callable[[str], str],
        source: Callable[[str], str],
        ignored: Iterable[str] = (),
    ) -> None:
        for key, value in given.items():
            if value is None or key in ignored:
                continue
            option = _BY_NAME.get(to_name(key))
            if option is None:
                self.warnings.append(f"{source(key)}: there is no setting `{key}`{_did_you_mean(to_name(key))}")
            else:
                self.set(option, value, place, source(key))

    def take_environment(self, environ: Mapping[str, str], place: Place) -> None:
        for key, value in environ.items():
            if not key.startswith("FLUX_") or not value.strip():
                continue
            name = key.removeprefix("FLUX_").lower()
            option = _BY_NAME.get(name)
            if option is not None:
                self.set(option, value, place, key)
            elif hint := _did_you_mean(name, spell=lambda close: _BY_NAME[close].env):
                # Other programs use this prefix too: only what looks like one of ours is worth a word.
                self.warnings.append(f"environment: there is no setting `{key}`{hint}")

    def set(self, option: Option, value: object, place: Place, source: str) -> None:
        try:
            self.values[option.name] = option.read(value, place)
        except Rejected as error:
            detail = f" ({error})" if str(error) else ""
            self.warnings.append(
                f"{source}: `{option.name}` = {_shown(value)} is not usable{detail}; it takes {option.accepts}. "
                f"Kept: {_shown(self.values.get(option.name, getattr(_DEFAULTS, option.name)))}"
            )
        else:
            self.origin[option.name] = source

    def loaded(self) -> Loaded:
        return Loaded(Settings(**self.values), self.origin, tuple(self.warnings))


def _pyproject(start: Path, warnings: list[str]) -> tuple[Path, dict[str, object]] | None:
    """The nearest pyproject.toml at or above `start` that has a `[tool.flux]` table."""
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        try:
            tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            warnings.append(f"pyproject.toml ({file}): cannot be read, so its settings are left out: {error}")
            return None
        table = tool.get("flux") if isinstance(tool, dict) else None
        if isinstance(table, dict):
            return file, table
        if table is not None:
            warnings.append(f"pyproject.toml ({file}): `tool.flux` must be a table, written [tool.flux]")
            return None
    return None


def _snake(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.removeprefix("flux.")).lower()


def _did_you_mean(name: str, spell: Callable[[str], str] = str) -> str:
    close = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.75)
    return f"; did you mean `{spell(close[0])}`?" if close else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, tuple):
        text = ", ".join(value) or "none"
    else:
        text = str(value) if isinstance(value, Path) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_BY_NAME = {option.name: option for option in OPTIONS}
_DEFAULTS = Settings()


def as_dict(settings: Settings) -> dict[str, object]:
    """The settings as plain values for JSON."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in structs.asdict(settings).items()
    }
