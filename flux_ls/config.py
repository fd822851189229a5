"""The settings: one name for each in pyproject.toml, the environment, the editor and on the command line.

Later layers win: default, `[tool.flux]` of pyproject.toml, `FLUX_*`, the editor's `flux.*`, flags. A value that makes
no sense is left out with a warning that says what is accepted, so a typing error never stops anything.
"""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from msgspec import Struct, field, structs

GIB = 1024**3

Layer = Literal["pyproject", "environment", "editor", "flag"]


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


class Loaded(Struct, frozen=True):
    """The settings in force, where each came from, and what was wrong on the way."""

    settings: Settings
    origin: dict[str, str]
    warnings: tuple[str, ...] = ()


class Rejected(ValueError):
    """A value that a setting does not accept."""


class Place(Struct, frozen=True):
    """Where a value stands: its layer, and the folder that relative paths in it start from."""

    layer: Layer
    folder: Path


class Option(Struct, frozen=True):
    """One setting: its name, how its values read, and the words for it in help and documentation."""

    name: str
    read: Callable[[object, Place], object]
    """The value, or `Rejected`."""
    accepts: str
    help: str

    @property
    def env(self) -> str:
        return "FLUX_" + self.name.upper()

    @property
    def editor(self) -> str:
        head, *rest = self.name.split("_")
        return "flux." + head + "".join(word.capitalize() for word in rest)

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


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
) -> Loaded:
    """The settings for work in `root`. `flags` are named like the settings; None there means not given."""
    here = (root or Path.cwd()).absolute()
    loading = _Loading(default_store(environ))
    if (found := _pyproject(here, loading.warnings)) is not None:
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


def _pyproject(root: Path, warnings: list[str]) -> tuple[Path, dict[str, object]] | None:
    """The nearest pyproject.toml at or above `root` that has a `[tool.flux]` table."""
    for folder in (root, *root.parents):
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


# How values read, from TOML and JSON types as from the strings of the environment.


def _path(value: object, folder: Path) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise Rejected
    try:
        return Path(os.path.normpath(folder.absolute().joinpath(Path(value).expanduser())))
    except RuntimeError as error:
        raise Rejected(str(error)) from None


def _file(value: object, place: Place) -> Path:
    # As for any program, a relative file of the environment starts from the current folder.
    return _path(value, Path.cwd() if place.layer == "environment" else place.folder)


def _texts(value: object, _: Place) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise Rejected
    return tuple(part for part in value if part)


def _pairs(value: object, place: Place) -> tuple[str, ...]:
    if isinstance(value, dict):
        value = [f"{recorded}={target}" for recorded, target in value.items()]
    return tuple(_pair(text, place) for text in _texts(value, place))


def _pair(text: str, place: Place) -> str:
    recorded, equals, target = text.partition("=")
    recorded = recorded.strip()
    if not equals or not recorded or not target.strip():
        raise Rejected(f"`{text}` is not RECORDED=LOCAL")
    return f"{recorded}={_path(target.strip(), place.folder)}"


def _number(value: object, low: float, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Rejected
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Rejected from None
    if not math.isfinite(number) or not low <= number <= high:
        raise Rejected
    return number


def _whole(value: object, low: int, high: float = math.inf) -> int:
    number = _number(value, low, high)
    if not number.is_integer():
        raise Rejected
    return int(number)


def _http_port(value: object, place: Place) -> int:
    # A free port that nobody can know beforehand is of use on the command line only, where it is printed.
    return _whole(value, 0 if place.layer == "flag" else 1, 65535)


def _grpc_port(value: object, _: Place) -> int:
    return _whole(value, 0, 65535)


def _days(value: object, _: Place) -> float:
    return _number(value, 0)


_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": GIB, "t": 1024 * GIB}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)


def read_size(value: object) -> int:
    """Bytes out of a number or a text such as `2 GiB`, `500MB` (units count by 1024); `Rejected` otherwise."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        value = int(float(match[1]) * _UNITS[match[2].lower()])
    return _whole(value, 0)


def _bytes(value: object, _: Place) -> int:
    size = read_size(value)
    # A store smaller than its own tables could only ever be emptied: that is a forgotten unit.
    if 0 < size < 1024**2:
        raise Rejected
    return size


def _seconds(value: object, _: Place) -> float:
    return _number(value, 0)


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _switch(value: object, _: Place) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise Rejected


OPTIONS: tuple[Option, ...] = (
    Option("store", _file, "the path of a file", "The SQLite file that holds what was recorded."),
    Option("otlp_http_port", _http_port, "a port, 1 to 65535", "Where the collector listens for OTLP over HTTP."),
    Option(
        "otlp_grpc_port",
        _grpc_port,
        "a port, 1 to 65535, or 0 for none",
        "Where the collector listens for OTLP over gRPC; 0 turns it off.",
    ),
    Option(
        "path_map",
        _pairs,
        "pairs of folders, RECORDED=LOCAL (/srv/app=.)",
        "Where the files of a recorded folder are on this machine, for services that run in a container or elsewhere.",
    ),
    Option(
        "in_app_include",
        _texts,
        "a list of path or module prefixes",
        "Code that counts as yours even where a library usually lives.",
    ),
    Option(
        "in_app_exclude",
        _texts,
        "a list of path or module prefixes",
        "Code that does not count as yours: it is never shown as the place of a failure.",
    ),
    Option(
        "retention_days",
        _days,
        "a number of days, 0 for no limit",
        "Requests older than this are removed.",
    ),
    Option(
        "retention_bytes",
        _bytes,
        "a size of 1 MiB or more, such as 2147483648 or 2GiB, or 0 for no limit",
        "Above this size of the store, the oldest requests are removed.",
    ),
    Option(
        "idle_exit",
        _seconds,
        "a number of seconds, 0 for never",
        "The background collector exits after this long without telemetry and without anybody watching.",
    ),
    Option(
        "collector",
        _switch,
        "true or false",
        "Start the background collector when a command or the editor needs it.",
    ),
    Option(
        "show_handled",
        _switch,
        "true or false",
        "Show errors that were handled on the way (retries, fallbacks) in the editor, as warnings.",
    ),
    Option("traffic_lens", _switch, "true or false", "Show traffic (requests, p95) above handlers in the editor."),
)

_BY_NAME = {option.name: option for option in OPTIONS}
_DEFAULTS = Settings()


def as_dict(settings: Settings) -> dict[str, object]:
    """The settings as plain values for JSON."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in structs.asdict(settings).items()
    }
