"""`textDocument/documentLink`: places on pages of ours (`shop/app.py:12`) as links to the lines.

All that was recorded stands in code on a page, and so do places. Only a file of the workspace is ever linked to, and a
line of it: what a trace spells like a place leads nowhere else.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lsprotocol import types

from flux_ls.lsp.convert import Encoding, path_to_uri, to_range

_FENCE = re.compile(r"(`{3,})(.*)")
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
"""As Markdown reads it: a longer run of ticks around what has ticks in it."""
_PLACE = re.compile(r"([^`]+):([1-9]\d{0,6})")
_MOST = 2000


def links(page: str, file_of: Callable[[str], Path | None], encoding: Encoding) -> list[types.DocumentLink]:
    """`file_of` gives the file of the workspace that is shown as a path, if there is just one."""
    known: dict[str, Path | None] = {}
    found: list[types.DocumentLink] = []
    for number, text in _lines(page):
        for match in _CODE.finditer(text):
            place = _PLACE.fullmatch(match[2])
            if place is None or len(match[1]) > 1:
                continue
            path, line = place.groups()
            if path not in known:
                known[path] = file_of(path)
            file = known[path]
            if file is not None and len(found) < _MOST:
                range = to_range(number, match.start(2) + 1, match.end(2) + 1, text, encoding)
                found.append(types.DocumentLink(range=range, target=f"{path_to_uri(str(file))}#L{line}"))
    return found


def inside(file: Path | None, roots: Sequence[Path]) -> Path | None:
    """The file, unless it is a link that leads out of the workspace."""
    if file is None:
        return None
    real = Path(os.path.realpath(file))
    return file if any(real.is_relative_to(os.path.realpath(root)) for root in roots) else None


def _lines(page: str) -> Iterator[tuple[int, str]]:
    """Those outside of blocks of code, numbered from 1."""
    fence = ""
    for number, text in enumerate(page.split("\n"), start=1):
        mark = _FENCE.fullmatch(text)
        if mark is not None and (not fence or (len(mark[1]) >= len(fence) and not mark[2].strip())):
            fence = "" if fence else mark[1]
        elif not fence:
            yield number, text
