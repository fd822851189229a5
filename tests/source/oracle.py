"""What git says became of the lines of a history, and how the anchors hold against that.

`python -m tests.source.oracle REPOSITORY...` prints the table for real checkouts, which stay as they are.
"""

import argparse
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from flux_ls.model import Frame, Language, LocatedFrame
from flux_ls.source.functions import Function
from flux_ls.source.lines import decode_source
from flux_ls.source.places import Text
from flux_ls.source.text_cache import parsed
from flux_ls.source.tokens import code_range
from flux_ls.source.workspace import Workspace

LANGUAGES: dict[Language, tuple[str, ...]] = {
    "python": (".py",),
    "javascript": (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"),
    "go": (".go",),
    "java": (".java",),
}
_HEADER = re.compile(r"([0-9a-f]{40,64}) (\d+) (\d+)(?: \d+)?")


class Sample(Struct, frozen=True):
    """A line of code in a function of a revision."""

    revision: str
    path: str
    line: int
    text: str
    function: Function


class Alive(Struct, frozen=True):
    """Where a line is in HEAD."""

    path: str
    line: int


class Outcome(Struct, frozen=True):
    """What Flux says of a sample, what git says, and what that comes to: `right`, or what is wrong."""

    sample: Sample
    located: LocatedFrame
    alive: Alive | None
    verdict: str


def git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True, timeout=300).stdout


def revisions(root: Path) -> list[str]:
    return git(root, "rev-list", "--first-parent", "HEAD").decode().split()


def samples(
    root: Path, revision: str, chance: random.Random, files: int, lines: int, suffixes: tuple[str, ...] = (".py",)
) -> Iterator[Sample]:
    """Some lines of some files of a revision."""
    listed = git(root, "ls-tree", "-r", "-z", "--name-only", revision).decode("utf-8", "surrogateescape").split("\0")
    sources = [path for path in listed if path.endswith(suffixes)]
    for path in chance.sample(sources, min(files, len(sources))):
        text = _text(path, git(root, "show", f"{revision}:{path}"))
        assert text.functions is not None
        codes = [
            (number, line, function)
            for number, line in enumerate(text.lines, start=1)
            if (function := text.functions.enclosing(number)) is not None
            and function.line < number
            and code_range(number, line, text.functions, _frame(path, number, function.name)) is not None
            and function in text.functions.executing(number)
        ]
        for number, line, function in chance.sample(codes, min(lines, len(codes))):
            yield Sample(revision, path, number, line, function)


def fates(root: Path, revision: str, path: str) -> Mapping[int, Alive | None]:
    """Of each line of a file at a revision where it is in HEAD, by `git blame --reverse`; None for those that went."""
    head = git(root, "rev-parse", "HEAD").decode().strip()
    told = git(root, "blame", "--reverse", "--first-parent", "-p", f"{revision}..HEAD", "--", path)
    found: dict[int, Alive | None] = {}
    names: dict[str, str] = {}
    at: tuple[str, int, int] | None = None
    for raw in told.split(b"\n"):
        line = raw.decode("utf-8", "surrogateescape")
        if match := _HEADER.fullmatch(line):
            at = (match[1], int(match[2]), int(match[3]))
        elif line.startswith("filename ") and at is not None:
            names[at[0]] = line.removeprefix("filename ")
        elif line.startswith("\t") and at is not None:
            commit, there, here = at
            found[here] = Alive(names[commit], there) if commit == head else None
    return found


def compared(root: Path, revision: str, path: str, today: str) -> Mapping[int, int]:
    """Of each line that `git diff` calls unchanged in what the file is in HEAD, where it is there."""
    try:
        told = git(root, "diff", "-U1000000", "--diff-algorithm=myers", f"{revision}:{path}", f"HEAD:{today}")
    except subprocess.CalledProcessError:
        return {}
    if not told:
        size = len(_text(path, git(root, "show", f"{revision}:{path}")).lines)
        return {line: line for line in range(1, size + 1)}
    before = after = 0
    found: dict[int, int] = {}
    body = False
    for raw in told.split(b"\n"):
        if raw.startswith(b"@@"):
            body = True
        elif body and raw[:1] == b" ":
            before, after = before + 1, after + 1
            found[before] = after
        elif body and raw[:1] == b"-":
            before += 1
        elif body and raw[:1] == b"+":
            after += 1
    return found


def judged(sample: Sample, located: LocatedFrame, alive: Alive | None, direct: int | None, head: "Head") -> str:
    """`right`, or what is wrong. Git may know a line by its history or by comparing both ends: either counts."""
    where = Alive(located.display_path, located.line)
    if located.anchor in ("exact", "moved"):
        if where == alive or where.line == direct:
            return "right"
        text = head.text(where.path)
        if text is None or text.lines[where.line - 1].strip() != sample.text.strip():
            return "wrong: another text"
        around = text.functions.enclosing(where.line) if text.functions is not None else None
        copies = 0 if around is None else sum(
            line.strip() == sample.text.strip() for line in text.lines[around.first_line - 1 : around.last_line]
        )  # fmt: skip
        if alive is not None:
            return "wrong: git has it elsewhere"
        return "right, though git lost it" if copies == 1 else "wrong: one of several"
    if located.anchor == "edited":
        text = head.text(where.path)
        assert text is not None
        assert text.functions is not None
        around = text.functions.executing(where.line)
        if alive is not None and where.path == alive.path and text.functions.enclosing(alive.line) in around:
            return "right"
        named = [each for each in text.functions.scopes if each.name == sample.function.name]
        fits = any(each in around for each in named) or (not named and alive is None)
        return "right" if fits else "wrong: in another function"
    if located.anchor == "gone":
        if alive is not None:
            return "missed: git has it"
        text = head.text(sample.path)
        there = text is not None and text.functions is not None and any(
            each.name == sample.function.name for each in text.functions.scopes
        )  # fmt: skip
        return "missed: its function is there" if there else "right"
    return "missed" if alive is not None else "missed, git has not"


class Head:
    """The texts that are checked out."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[str, Text | None] = {}

    def text(self, path: str) -> Text | None:
        if path not in self._texts:
            file = self._root / path
            self._texts[path] = _text(path, file.read_bytes()) if file.is_file() else None
        return self._texts[path]


def outcomes(
    root: Path,
    chance: random.Random,
    *,
    points: int,
    files: int,
    lines: int,
    told: bool = True,
    suffixes: tuple[str, ...] = (".py",),
) -> Iterator[Outcome]:
    """Samples of a checkout's history, held against git; without `told` the frames do not tell their revision."""
    workspace, head = Workspace([root]), Head(root)
    history = revisions(root)[1:]
    for revision in chance.sample(history, min(points, len(history))):
        by_path: dict[str, list[Sample]] = {}
        for sample in samples(root, revision, chance, files, lines, suffixes):
            by_path.setdefault(sample.path, []).append(sample)
        for path, sampled in by_path.items():
            alive, direct = fates(root, revision, path), dict[str, Mapping[int, int]]()
            for sample in sampled:
                frame = _frame(
                    f"/srv/app/{path}", sample.line, sample.function.name, sample.text, revision if told else None
                )
                located = workspace.locate(frame, 0)
                fate = alive.get(sample.line)
                there = located.display_path
                if there not in direct:
                    direct[there] = compared(root, revision, path, there)
                verdict = judged(sample, located, fate, direct[there].get(sample.line), head)
                yield Outcome(sample, located, fate, verdict)


def table(found: list[Outcome]) -> str:
    """Rows: what Flux says; columns: what that comes to."""
    verdicts = Counter((each.located.anchor, each.verdict) for each in found)
    states = ("exact", "moved", "edited", "gone", "unmapped")
    lines = []
    for state in states:
        row = {verdict: count for (at, verdict), count in verdicts.items() if at == state}
        told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(row.items(), key=lambda each: -each[1]))
        lines.append(f"  {state:9} {sum(row.values()):6}  {told}")
    return "\n".join(lines)


def _text(path: str, data: bytes) -> Text:
    return parsed(Path(path), decode_source(data))


def _frame(path: str, line: int, function: str, source: str | None = None, revision: str | None = None) -> Frame:
    language = next(language for language, suffixes in LANGUAGES.items() if path.endswith(suffixes))
    name = _traced(function, language)
    if language == "java":
        path = path.rpartition("/java/")[2]
    return Frame(path, line, name, in_app=True, source=source, language=language, revision=revision)


def _traced(function: str, language: Language) -> str:
    """The function's name as a stack trace has it."""
    if language == "go":
        return "example.com/app/pkg." + re.sub(r"\bfunc\b", "func1", function)
    if language == "java":
        name = re.sub(r"lambda\$(.+)", r"lambda$\1$0", function.replace("<anonymous>", "1"))
        return f"com.example.{name}"
    return function.rpartition(".")[2] if language == "python" else function


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--files", type=int, default=5)
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--untold", action="store_true", help="frames that do not tell their revision")
    parser.add_argument("--language", choices=LANGUAGES, default="python", help="of the files that are looked at")
    parser.add_argument("--show", type=int, default=3, help="examples of what is not right")
    asked = parser.parse_args()
    everything: list[Outcome] = []
    for root in asked.roots:
        chance = random.Random(asked.seed)
        found = list(
            outcomes(
                root.resolve(),
                chance,
                points=asked.points,
                files=asked.files,
                lines=asked.lines,
                told=not asked.untold,
                suffixes=LANGUAGES[asked.language],
            )
        )
        everything += found
        print(f"{root.name}: {len(found)} lines\n{table(found)}")
        for each in [each for each in found if each.verdict.startswith(("wrong", "missed"))][: asked.show]:
            sample, located = each.sample, each.located
            print(
                f"    {each.verdict}: {sample.revision[:10]}:{sample.path}:{sample.line} in {sample.function.name}\n"
                f"      {sample.text.strip()!r}\n      flux {located.anchor} {located.display_path}:{located.line}"
                f" in {located.function} ({located.reason}), git {each.alive}"
            )
    print(f"all: {len(everything)} lines\n{table(everything)}")


if __name__ == "__main__":
    main()
