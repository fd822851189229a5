"""Which text of its file a frame ran: the commit, and the blob where the file differed from it, as its span tells."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.recorded import parsed
from flux_ls.model import Frame, Link, Raised, Span
from flux_ls.record import wire


class Version(Struct, frozen=True):
    """What a span tells of the code that it ran."""

    revision: str | None
    blobs: Mapping[str, str]
    """By recorded path, of files that differed from the revision."""

    def of(self, frame: Frame) -> Frame:
        blob = self.blobs.get(frame.path)
        if self.revision is None and blob is None:
            return frame
        return replace(frame, revision=self.revision, blob=blob)


def version(span: Span) -> Version:
    blobs: Mapping[str, str] = {}
    told = span.attributes.get(wire.BLOBS)
    tree = parsed(told) if isinstance(told, str) else told
    if isinstance(tree, dict):
        blobs = {path: blob for path, blob in tree.items() if isinstance(blob, str)}
    return Version(span.resource.revision, blobs)


def as_it_ran(frame: Frame, span: Span) -> Frame:
    """The frame with the version that ran."""
    return version(span).of(frame)


def as_recorded(frame: Frame) -> Frame:
    """The frame as the record of its exception has it, which knows no version."""
    return replace(frame, revision=None, blob=None)


class Versions:
    """What the spans of a failure tell of its frames: of a file that several ran, the innermost counts."""

    def __init__(self) -> None:
        self._by_path: dict[str, Version] = {}
        self._last = Version(None, {})

    def learn(self, span: Span, told: Iterable[Raised]) -> None:
        """From a span and what it recorded; the innermost span comes last."""
        self._last = version(span)
        for raised in told:
            self._by_path.update((frame.path, self._last) for frame in raised.frames if frame.in_app)

    def of(self, frame: Frame) -> Frame:
        return self._by_path.get(frame.path, self._last).of(frame)

    def of_all(self, frames: Iterable[Frame]) -> tuple[Frame, ...]:
        return tuple(map(self.of, frames))

    def of_chain(self, chain: Iterable[Link]) -> tuple[Link, ...]:
        return tuple(link if link.frame is None else replace(link, frame=self.of(link.frame)) for link in chain)
