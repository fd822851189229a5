"""`flux incident replay --write-test`: a regression test for each request, in place of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from flux_ls.answers.shapes import to_json
from flux_ls.cli.failures import BAD_NEWS, OK, WRONG_USE, complain
from flux_ls.cli.options import Session
from flux_ls.model import Request
from flux_ls.replay.shapes import Conditions, Skipped

if TYPE_CHECKING:
    from flux_ls.store.reader import Reader


class WrittenTest(Struct, frozen=True):
    request_id: str
    path: str
    name: str


class WrittenTests(Struct, frozen=True):
    """The answer of `--json`."""

    tests: tuple[WrittenTest, ...]


def write_tests(session: Session, reader: "Reader", requests: Sequence[tuple[Request, Conditions]], file: str) -> int:
    """Writes them where pytest looks for tests, or one as `file`; what is there stays. The exit code.

    Each request comes with the conditions of its project.
    """
    from flux_ls.replay.new_test import new_test
    from flux_ls.replay.regression.file import NotWritable
    from flux_ls.replay.replay import recording_of

    if file and len(requests) != 1:
        complain("--write-test FILE takes one request; without FILE, each gets a file of its own")
        return WRONG_USE
    worst = OK
    written: list[WrittenTest] = []
    for request, conditions in requests:
        recording = recording_of(reader, request, conditions)
        if isinstance(recording, Skipped):
            complain(f"req:{request.short_id} makes no test: {recording.reason}; {recording.mend}")
            worst = BAD_NEWS
            continue
        try:
            made = new_test(recording, conditions, Path(file).absolute() if file else None)
            target = conditions.root.resolve() / made.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as opened:
                opened.write(made.text)
        except (NotWritable, OSError) as error:
            complain(f"req:{request.short_id}: {error}")
            worst = BAD_NEWS
            continue
        written.append(WrittenTest(request.id, made.path, made.name))
        if not session.as_json:
            session.terminal.say(f"  wrote {_from_here(target, made.path)}")
    if session.as_json:
        session.terminal.json(to_json(WrittenTests(tuple(written))))
    return worst


def _from_here(target: Path, path: str) -> str:
    """Below the folder that one is in, or else in its project."""
    here = Path.cwd().resolve()
    return str(target.relative_to(here)) if target.is_relative_to(here) else path
