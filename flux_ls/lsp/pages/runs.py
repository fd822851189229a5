"""Pages about what was run: requests replayed, and the commit that broke them."""

from collections.abc import Iterator, Sequence

from flux_ls.bisect.shapes import Bisect, FirstBad
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code, fence
from flux_ls.lsp.pages.diff import diff
from flux_ls.lsp.pages.parts import duration, text
from flux_ls.replay.guard_words import guard_words
from flux_ls.replay.new_test import NewTest
from flux_ls.replay.rows_words import rows_words
from flux_ls.replay.shapes import Outcome, Replay, Replayed

MOST_REQUESTS = 500
MARKS: dict[Outcome, str] = {"passing": "✔", "failing": "✗", "blocked": "⊘", "skipped": "-", "error": "!"}


def replay(shape: Replay, unsaved: Sequence[str]) -> str:
    """The sum, each request in a line, and of one alone what differs from the recording."""
    answers = shape.requests
    lines = [f"# {_title(answers)}", "", summary(shape), ""]
    if unsaved:
        names = ", ".join(code(path, 200) for path in unsaved[:10])
        lines += [f"**What is saved was run.** Not saved, and not run so: {names}.", ""]
    for answer in answers[:MOST_REQUESTS]:
        lines += _request(answer)
    if len(answers) > MOST_REQUESTS:
        lines.append(f"- and {words.times(len(answers) - MOST_REQUESTS, 'more request')}")
    lines.append("")
    if shape.guard is not None:
        lines += [f"S{guard_words(shape)[1:]}.", ""]
    if (rows := rows_words(shape)) is not None:
        lines += [code(rows, 600), ""]
    notes = dict.fromkeys(note for answer in answers for note in answer.notes)
    lines += [*(f"- {code(note, 300)}" for note in notes), ""]
    page = text(lines)
    if len(answers) == 1 and answers[0].diff is not None:
        page += "\n" + diff(answers[0].diff)
    return page


def bisect(shape: Bisect) -> str:
    """The commit with its author, date and subject, what of it touches the failing functions, and how it was found."""
    lines: list[str] = []
    if shape.first_bad is not None:
        lines += [f"# First bad commit {code(shape.first_bad.revision[:12])}", "", *_commit(shape.first_bad), ""]
    else:
        lines += ["# No first bad commit", "", code(shape.reason or "", 1000), ""]
        for each in shape.among:
            lines += [f"## {code(each.revision[:12])}", "", *_commit(each), ""]
    for hunk in shape.hunks:
        where = f" in {code(hunk.function)}" if hunk.function else ""
        lines += [f"## {code(f'{hunk.path}:{hunk.line}', 300)}{where}", "", fence(hunk.diff, "diff", limit=20_000), ""]
    known = sum(each.source == "recorded" for each in shape.evidence)
    recorded = f", {words.times(known, 'verdict')} from the recording" if known else ""
    lines += [f"{words.times(shape.runs, 'run')} for {words.times(shape.candidates, 'commit')}{recorded}.", ""]
    for evidence in shape.evidence[:MOST_REQUESTS]:
        reason = f": {code(evidence.reason, 300)}" if evidence.reason and evidence.verdict != "good" else ""
        lines.append(f"- {evidence.verdict} {code(evidence.revision[:12])} {evidence.source}{reason}")
    lines += ["", *(f"- {code(note, 500)}" for note in shape.notes), ""]
    if shape.log is not None:
        lines.append(code(f"git bisect replay {shape.log}", 500))
    return text(lines)


def _commit(commit: FirstBad) -> list[str]:
    who = f"{code(commit.author)}, {code(commit.date)}"
    return [code(commit.subject, 300), "", who]


def written_test(test: NewTest) -> str:
    return text([f"# {code(test.path, 300)}", "", fence(test.text, "python", limit=200_000)])


def summary(shape: Replay) -> str:
    """`23 replayed · 22 passing · 1 still failing`"""
    ran = len(shape.requests) - shape.skipped - shape.errors
    new = sum(each.outcome == "failing" and not each.was_failed for each in shape.requests)
    counts = (
        (ran, "replayed", True),
        (shape.passing, "passing", True),
        (shape.failing - new, "still failing", True),
        (new, "failing now", False),
        (shape.blocked, "blocked", False),
        (shape.skipped, "skipped", False),
        (shape.errors, "could not run", False),
    )
    return " · ".join(f"{count:,} {word}" for count, word, always in counts if count or always)


def _title(answers: Sequence[Replayed]) -> str:
    if len(answers) == 1:
        return f"Replay of {code('req:' + answers[0].request_id[:8])}"
    return f"Replay of {words.times(len(answers), 'request')}"


def _request(answer: Replayed) -> Iterator[str]:
    name = f"{answer.method} {answer.path or answer.name}" if answer.method else answer.name
    now = str(answer.now) if answer.now is not None else answer.outcome
    took = f" {duration(answer.duration_ms)}" if answer.now is not None else ""
    was = str(answer.was) if answer.was is not None else "failed" if answer.was_failed else "ok"
    yield f"- {MARKS[answer.outcome]} {code('req:' + answer.request_id[:8])} {code(name)} {now}{took} ← was {was}"
    for told in (answer.reason, answer.mend):
        if told:
            yield f"  - {code(told, 500)}"
    for blocked in answer.blocked[:10]:
        where = f" at {blocked.path}:{blocked.line}" if blocked.path else ""
        yield f"  - refused: {code(f'{blocked.call}{where}', 300)}"
