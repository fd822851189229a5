"""How the values of settings read, from TOML and JSON types as from the strings of the environment."""

import ipaddress
import math
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

GIB = 1024**3

Layer = Literal["pyproject", "environment", "editor", "flag"]


class Rejected(ValueError):
    """A value that a setting does not accept."""


class Place(Struct, frozen=True):
    """Where a value stands: its layer, and the folder that relative paths in it start from."""

    layer: Layer
    folder: Path


def _path(value: object, folder: Path) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise Rejected
    try:
        return Path(os.path.normpath(folder.absolute().joinpath(Path(value).expanduser())))
    except RuntimeError as error:
        raise Rejected(str(error)) from None


def file(value: object, place: Place) -> Path:
    # As for any program, a relative file of the environment starts from the current folder.
    return _path(value, Path.cwd() if place.layer == "environment" else place.folder)


def texts(value: object, _: Place) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise Rejected
    return tuple(part for part in value if part)


def pairs(value: object, place: Place) -> tuple[str, ...]:
    if isinstance(value, dict):
        value = [f"{recorded}={target}" for recorded, target in value.items()]
    return tuple(_pair(text, place) for text in texts(value, place))


def _pair(text: str, place: Place) -> str:
    recorded, equals, target = text.partition("=")
    recorded = recorded.strip()
    if not equals or not recorded or not target.strip():
        raise Rejected(f"`{text}` is not RECORDED=LOCAL")
    return f"{recorded}={_path(target.strip(), place.folder)}"


def services(value: object, place: Place) -> tuple[str, ...]:
    found = texts(value, place)
    for text in found:
        service(text)
    return found


def service(text: str) -> tuple[str, int] | str:
    """The host and port of a service of this machine, or the path of its socket; `Rejected` otherwise."""
    if text.startswith("/"):
        return text
    host, _, port = text.strip().rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or not 0 < int(port) < 65536 or not is_loopback(host):
        raise Rejected(f"`{text}` is no service of this machine")
    return host, int(port)


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


def http_port(value: object, place: Place) -> int:
    # A free port that nobody can know beforehand is of use on the command line only, where it is printed.
    return _whole(value, 0 if place.layer == "flag" else 1, 65535)


def grpc_port(value: object, _: Place) -> int:
    return _whole(value, 0, 65535)


def days(value: object, _: Place) -> float:
    return _number(value, 0)


_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": GIB, "t": 1024 * GIB}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)


def read_size(value: object) -> int:
    """Bytes out of a number or a text such as `2 GiB`, `500MB` (units count by 1024); `Rejected` otherwise."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        value = int(float(match[1]) * _UNITS[match[2].lower()])
    return _whole(value, 0)


def store_size(value: object, _: Place) -> int:
    size = read_size(value)
    # A store smaller than its own tables could only ever be emptied: that is a forgotten unit.
    if 0 < size < 1024**2:
        raise Rejected
    return size


def seconds(value: object, _: Place) -> float:
    return _number(value, 0)


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def switch(value: object, _: Place) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise Rejected


def word(value: object, _: Place) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Rejected
    return value.strip()


def address(value: object, place: Place) -> str:
    """Where requests with the user's key go. A repository may name no host but this machine."""
    url = word(value, place)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise Rejected from None
    if parts.scheme not in ("http", "https") or not host:
        raise Rejected
    if place.layer == "pyproject" and host not in ("localhost", "127.0.0.1", "::1"):
        raise Rejected("a repository must not say where your key is sent: set FLUX_EXPLAIN_URL instead")
    return url


def command(value: object, place: Place) -> str:
    """The name of a program on PATH, or the path of one."""
    name = word(str(value) if isinstance(value, Path) else value, place)
    is_path = "/" in name or os.sep in name or name.startswith("~")
    return str(file(name, place)) if is_path else name


def share(value: object, _: Place) -> float:
    return _number(value, 0, 1)


def budget(value: object, _: Place) -> int:
    size = read_size(value)
    if not 64 <= size <= 1024**2:
        raise Rejected
    return size


def hints(value: object, _: Place) -> int:
    return _whole(value, 1, 1_000_000)


def calls(value: object, _: Place) -> int:
    return _whole(value, 0, 1_000_000)
