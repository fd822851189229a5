"""A history of a small Python project, made up from a seed: what people do to lines, functions and files."""

import random
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from tests.checkout import git, new

_COMMON = (
    "self.close()", "log(total)", "total += 1", "return total", "check(items)", "items = sorted(items)", "yield total",
    "total = 0",
)  # fmt: skip
"""Lines that stand in many functions, and twice in some."""
_NAMES = ("load", "save", "send", "parse", "render", "charge", "refund", "close", "open", "check")
_PLACES = ("app.py", "shop/cart.py", "shop/bank.py", "shop/users/views.py", "tools/report.py")


class Line(Struct, frozen=True):
    text: str
    """With what it is indented by beyond the body that it is in."""
    id: int
    """Tells it from every other line that was ever written: what no comparison of texts can."""


class Function(Struct):
    name: str
    lines: list[Line]
    """Of the body."""
    decorated: bool = False


class Class(Struct):
    """Functions of a class, or of the module where it has no name."""

    name: str
    functions: list[Function] = field(default_factory=list)


class Project(Struct):
    """What one commit has."""

    files: dict[str, list[Class]]

    def copy(self) -> "Project":
        return Project({
            path: [
                Class(each.name, [Function(one.name, one.lines.copy(), one.decorated) for one in each.functions])
                for each in classes
            ]
            for path, classes in self.files.items()
        })  # fmt: skip

    def written(self) -> dict[str, "Written"]:
        return {path: _written(classes) for path, classes in self.files.items()}


class Written(Struct, frozen=True):
    """The lines of a file, and which each is; None for what is no line of a function's body."""

    lines: list[str]
    ids: list[int | None]


class Made(Struct, frozen=True):
    """A checkout, and what its commits are."""

    root: Path
    commits: dict[str, dict[str, Written]]
    last: str


def make(root: Path, seed: int, commits: int) -> Made:
    """A history of so many commits on the main branch, a few of them merges."""
    chance = random.Random(seed)
    author = _Author(chance)
    project = author.begin()
    stream: list[bytes] = []
    written: list[dict[str, Written]] = []

    def commit(made: Project, parents: list[int]) -> int:
        written.append(made.written())
        mark = len(written)
        who = b"committer Ada <ada@example.org> %d +0000" % (10**9 + mark)
        stream.append(b"commit refs/heads/main\nmark :%d\n%b\ndata 1\nx" % (mark, who))
        for word, parent in zip((b"from", b"merge"), parents, strict=False):
            stream.append(b"%b :%d" % (word, parent))
        stream.append(b"deleteall")
        for path, text in written[-1].items():
            data = ("\n".join(text.lines) + "\n").encode()
            stream.append(b"M 100644 inline %b\ndata %d\n%b" % (path.encode(), len(data), data))
        stream.append(b"")
        return mark

    last = commit(project, [])
    for _ in range(commits - 1):
        if chance.random() < 0.1 and len(project.files) > 2:
            # A branch that has a file of its own, so that nothing is in conflict.
            own = chance.choice(sorted(project.files))
            branch, tip = Project({own: project.copy().files[own]}), last
            for _ in range(chance.randint(1, 4)):
                author.edit(branch)
                tip = commit(Project({**project.files, own: branch.files[own]}), [tip])
            rest = Project({path: classes for path, classes in project.files.items() if path != own})
            author.edit(rest)
            before = commit(Project({**rest.files, own: project.files[own]}), [last])
            project = Project({**rest.files, own: branch.files[own]}).copy()
            last = commit(project, [before, tip])
            continue
        author.change(project)
        last = commit(project, [last])
    new(root)
    git(root, "fast-import", "--quiet", "--export-marks=.git/marks", asked=b"\n".join(stream))
    git(root, "checkout", "-q", "-f", "main")
    marks = [line.split() for line in (root / ".git/marks").read_text().splitlines()]
    ids = {int(mark[1:]): id for mark, id in marks}
    return Made(root, {ids[number]: each for number, each in enumerate(written, start=1)}, ids[last])


class _Author:
    """Who changes a project, and never writes the same new line twice."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._made = 0

    def begin(self) -> Project:
        files = {path: [Class(""), Class(self._class_name())] for path in _PLACES}
        for classes in files.values():
            for each in classes:
                each.functions += [self._function() for _ in range(self._chance.randint(2, 4))]
        return Project(files)

    def change(self, project: Project) -> None:
        """One commit: mostly some edits, at times something larger."""
        if self._chance.random() < 0.8:
            for _ in range(self._chance.randint(1, 4)):
                self.edit(project)
            return
        larger = [self._rename_file, self._split_file, self._add_file, self._move_to_another_file, self._delete_file]
        self._chance.choices(larger, (4, 2, 2, 6, 1))[0](project)

    def edit(self, project: Project) -> None:
        """Something in one file."""
        path = self._chance.choice(sorted(project.files))
        classes = project.files[path]
        each = self._chance.choice(classes)
        if not each.functions or self._chance.random() < 0.06:
            each.functions.insert(self._chance.randint(0, len(each.functions)), self._function())
            return
        function = self._chance.choice(each.functions)
        edits: list[tuple[int, Callable[[], None]]] = [
            (8, lambda: self._insert(function)),
            (5, lambda: self._delete(function)),
            (6, lambda: self._modify(function)),
            (4, lambda: self._double(function)),
            (2, lambda: self._indent(function)),
            (2, lambda: self._swap(function)),
            (1, lambda: setattr(function, "decorated", not function.decorated)),
            (1, lambda: setattr(function, "name", self._name())),
            (1, lambda: each.functions.remove(function)),
            (2, lambda: self._move(classes, each, function)),
            (1, lambda: setattr(each, "name", each.name and self._class_name())),
        ]
        self._chance.choices([edit for _, edit in edits], [weight for weight, _ in edits])[0]()

    # Lines.

    def _line(self, indent: str = "") -> Line:
        if self._chance.random() < 0.4:
            return self._as(indent + self._chance.choice(_COMMON))
        kind = self._chance.choice(("value_{0} = compute(items, {0})", "# Note {0}.", "send({0}, to=items)"))
        return self._as(indent + kind.format(self._made))

    def _as(self, text: str) -> Line:
        self._made += 1
        return Line(text, self._made)

    def _insert(self, function: Function) -> None:
        at = self._chance.randint(0, len(function.lines))
        beside = function.lines[at].text if at < len(function.lines) else ""
        indent = beside[: len(beside) - len(beside.lstrip())]
        added = [self._line(indent) for _ in range(self._chance.randint(1, 3))]
        function.lines[at:at] = [*added, self._as("")] if self._chance.random() < 0.2 else added

    def _delete(self, function: Function) -> None:
        if len(function.lines) > 2:
            at = self._chance.randrange(len(function.lines))
            del function.lines[at : at + self._chance.randint(1, 2)]

    def _modify(self, function: Function) -> None:
        at = self._chance.randrange(len(function.lines))
        line = function.lines[at]
        self._made += 1
        text = line.text
        changed = text.replace("items", f"items_{self._made}") if "items" in text else f"{text}  # {self._made}"
        function.lines[at] = Line(changed, line.id) if self._chance.random() < 0.7 else self._line()

    def _double(self, function: Function) -> None:
        copy = self._as(self._chance.choice(function.lines).text)
        function.lines.insert(self._chance.randint(0, len(function.lines)), copy)

    def _indent(self, function: Function) -> None:
        first = self._chance.randrange(len(function.lines))
        last = min(len(function.lines), first + self._chance.randint(1, 4))
        inner = [Line(f"    {line.text}" if line.text else "", line.id) for line in function.lines[first:last]]
        around = self._as(self._chance.choice(("with lock:", "if items:", "try:")))
        function.lines[first:last] = [around, *inner]

    def _swap(self, function: Function) -> None:
        if len(function.lines) > 1:
            at = self._chance.randrange(len(function.lines) - 1)
            function.lines[at : at + 2] = reversed(function.lines[at : at + 2])

    # Functions.

    def _name(self) -> str:
        self._made += 1
        name = self._chance.choice(_NAMES)
        return name if self._chance.random() < 0.4 else f"{name}_{self._made}"

    def _class_name(self) -> str:
        self._made += 1
        return f"Service{self._made}"

    def _function(self) -> Function:
        return Function(self._name(), [self._line() for _ in range(self._chance.randint(2, 9))])

    def _move(self, classes: list[Class], each: Class, function: Function) -> None:
        each.functions.remove(function)
        into = self._chance.choice(classes)
        into.functions.insert(self._chance.randint(0, len(into.functions)), function)

    # Files.

    def _path(self) -> str:
        self._made += 1
        return self._chance.choice(("", "shop/", "shop/users/", "core/")) + f"part_{self._made}.py"

    def _rename_file(self, project: Project) -> None:
        path = self._chance.choice(sorted(project.files))
        project.files[self._path()] = project.files.pop(path)
        if self._chance.random() < 0.4:
            self.edit(project)
        if self._chance.random() < 0.2:
            project.files[path] = [Class("", [self._function() for _ in range(3)])]

    def _split_file(self, project: Project) -> None:
        path = self._chance.choice(sorted(project.files))
        moved = [Class(each.name, each.functions[1::2]) for each in project.files[path]]
        for each in project.files[path]:
            each.functions = each.functions[::2]
        project.files[self._path()] = moved

    def _add_file(self, project: Project) -> None:
        project.files[self._path()] = [Class("", [self._function() for _ in range(self._chance.randint(2, 5))])]

    def _move_to_another_file(self, project: Project) -> None:
        path = self._chance.choice(sorted(project.files))
        each = self._chance.choice(project.files[path])
        if each.functions and len(project.files) > 1:
            function = each.functions.pop(self._chance.randrange(len(each.functions)))
            into = self._chance.choice(project.files[self._chance.choice(sorted(set(project.files) - {path}))])
            into.functions.insert(self._chance.randint(0, len(into.functions)), function)

    def _delete_file(self, project: Project) -> None:
        if len(project.files) > 4:
            del project.files[self._chance.choice(sorted(project.files))]


def _written(classes: list[Class]) -> Written:
    lines: list[tuple[str, int | None]] = [('"""A part."""', None), ("", None), ("import os", None), ("", None)]
    for each in classes:
        indent = "    " if each.name else ""
        lines.append(("", None))
        if each.name:
            lines += [(f"class {each.name}:", None), ('    """A service."""', None)]
        for function in each.functions:
            lines.append(("", None))
            if function.decorated:
                lines.append((f"{indent}@traced", None))
            lines.append((f"{indent}def {function.name}({'self, ' if each.name else ''}items):", None))
            lines += [(f"{indent}    {line.text}" if line.text else "", line.id) for line in function.lines]
    return Written([text for text, _ in lines], [id for _, id in lines])
