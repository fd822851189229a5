"""Tells with a failure which texts of the files on its stack ran, where git's revision does not tell it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from flux_ls.record.export.taken import Taken, span_id_of
from flux_ls.record.wire import BLOBS

Blobs = Callable[[Iterable[str]], Mapping[str, str]]
"""The git blob ids, by path, of those files that differ from the revision."""

_FILE = re.compile(r'^\s*(?:[|+ ]*)File "([^"\n]+)", line \d+', re.MULTILINE)
_MOST: Final = 200


def add_blobs(taken: Taken, blobs: Blobs) -> None:
    """Adds the blob ids to the spans that carry an exception."""
    if not taken.failed:
        return
    for span in taken.spans:
        files = _files(span)
        if files and (found := blobs(files)):
            text = msgspec.json.encode(dict(found)).decode()
            taken.annotations.setdefault(span_id_of(span), {})[BLOBS] = text


def _files(span: Any) -> list[str]:
    files: dict[str, None] = {}
    for event in span.events or ():
        if event.name == "exception":
            stack = (event.attributes or {}).get("exception.stacktrace")
            if isinstance(stack, str):
                files.update(dict.fromkeys(_FILE.findall(stack)))
    return list(files)[:_MOST]
