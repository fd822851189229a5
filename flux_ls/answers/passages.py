"""Where an exception passed through a function: the line of the call, for spans that recorded no stack of their own.

Of an exception that functions hand on, only the one that raised it has a stack that ends in it.
"""

from collections import defaultdict
from collections.abc import Iterable

from flux_ls.analysis.chain import all_links
from flux_ls.model import Frame, Span

_Key = tuple[str, str, str]


class Passages:
    """Those of a request."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._frames: dict[_Key, dict[int, Frame]] = defaultdict(dict)
        for span in spans:
            for record in span.exceptions:
                for link in all_links(record.raised):
                    for frame in link.frames:
                        if frame.in_app:
                            self._frames[_key(link.message, frame.path, frame.function)][frame.line] = frame

    def of(self, span: Span) -> Frame | None:
        """None where it is not known, or not which of several: a function may be on a stack more than once."""
        path, function = span.attributes.get("code.file.path"), span.attributes.get("code.function.name")
        if not span.exceptions or not isinstance(path, str) or not isinstance(function, str):
            return None
        frames = self._frames.get(_key(span.exceptions[-1].raised.message, path, function), {})
        return next(iter(frames.values())) if len(frames) == 1 else None


def _key(message: str, path: str, function: str) -> _Key:
    return message, path, function.rpartition(".")[2]
