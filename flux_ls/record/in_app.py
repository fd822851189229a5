"""Whether a file holds the user's own code, and not the standard library's, an installed package's or ours."""

import re
import sysconfig
from pathlib import Path
from typing import Final

from flux_ls.record import settings

_MANY: Final = 8192

_verdicts: dict[str, bool] = {}
_decided_by: settings.RecorderSettings | None = None


def is_in_app(filename: str) -> bool:
    """The verdict on a code object's `co_filename`; a call costs as much as a look into a dict."""
    global _decided_by
    rules = settings.in_force()
    if rules is not _decided_by:
        _verdicts.clear()
        _decided_by = rules
    verdict = _verdicts.get(filename)
    if verdict is None:
        if len(_verdicts) >= _MANY:  # code that is generated under ever new names
            _verdicts.clear()
        verdict = _verdicts[filename] = _decide(filename, rules.in_app_include, rules.in_app_exclude)
    return verdict


def _decide(filename: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    path = _normal(filename)
    if any(_covers(prefix, path) for prefix in include):
        return True
    if not path or path.startswith("<"):
        return False
    if any(_covers(prefix, path) for prefix in exclude):
        return False
    return not (_LIBRARY.search(path) or _CONSOLE_SCRIPT.search(path) or path.startswith(_NOT_YOURS))


def _normal(path: str) -> str:
    """Forward slashes; paths of Windows in lower case, as its file names have no case."""
    if _DRIVE.match(path) or path.startswith("\\\\"):
        return path.replace("\\", "/").lower()
    return path


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_LIBRARY = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages)/"
    r"|(?:^|/)__pypackages__/[^/]+/lib/"
    r"|(?:^|/)(?:lib|lib64)/(?:python|pypy)\d(?:\.\d+)?t?/"
    r"|(?:^|/)python\d+\.zip/|\.egg/"
)
_CONSOLE_SCRIPT = re.compile(r"(?:^|/)(?:bin|[Ss]cripts)/(?:[^/.]+|[^/]+\.exe/__main__\.py)$")


def _covers(prefix: str, path: str) -> bool:
    """Whether a path (`/srv/app`, `src/shop`) or a dotted module (`shop.payments`) stands for this file."""
    prefix = prefix.strip()
    if not prefix:
        return False
    if "/" in prefix or "\\" in prefix:
        wanted = _normal(prefix).removeprefix("./").rstrip("/")
        if wanted.startswith("/") or _DRIVE.match(wanted):
            return path == wanted or path.startswith(wanted + "/")
        return f"/{wanted}/" in f"/{path}/"
    if path.startswith("<"):
        return path == prefix
    libraries = list(_LIBRARY.finditer(path))
    module = path[libraries[-1].end() :] if libraries else path
    below = f"/{prefix.replace('.', '/')}/" in f"/{module.removesuffix('.py')}/"
    # Of an installed file the module is known; elsewhere nobody told where its import root is.
    return below if not libraries else f"{module.removesuffix('.py')}/".startswith(prefix.replace(".", "/") + "/")


def _not_yours() -> tuple[str, ...]:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    own = Path(__file__).parent
    return tuple(sorted({_normal(str(folder)).rstrip("/") + "/" for folder in (*folders, own) if folder}))


_NOT_YOURS: Final = _not_yours()
