"""Frames with the revision that ran, located in real checkouts: what the user did since, and what Flux then shows."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from flux_ls.model import Frame, Language, LocatedFrame
from flux_ls.source.workspace import Workspace
from tests.checkout import ALONE, commit, git, new, write

SHOP = '''\
"""Payments."""

import stripe

LIMIT = 100


class Gateway:
    """Takes money."""

    currency = "EUR".lower()

    def charge(self, card, amount):
        if card is None:
            raise ValueError("no card")
        total = self.fee(amount)
        answer = stripe.charge(card, total)
        if answer.failed:
            log("failed")
            self.close()
            return None
        self.close()
        return answer

    def fee(self, amount):
        return amount + min(amount, LIMIT) // 10


def refund(payment, reason):
    entries = [entry.amount for entry in payment.entries]
    total = sum(entries)
    return stripe.refund(payment.id, total, reason)
'''
ANSWER = "        answer = stripe.charge(card, total)\n"
CHARGE = SHOP[SHOP.index("    def charge") : SHOP.index("    def fee")]
REFUND = SHOP[SHOP.index("def refund") :]
PATH = "shop/payments.py"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new(tmp_path / "ws")


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), start=1) if part in line)


def recorded(
    revision: str | None,
    part: str = "answer = stripe",
    function: str = "charge",
    *,
    text: str = SHOP,
    path: str = PATH,
    blob: str | None = None,
    told: bool = True,
    language: Language = "python",
) -> Frame:
    """A frame on the line with some text; with the line's text only when it was `told`."""
    line = line_of(text, part)
    source = text.split("\n")[line - 1].strip() if told else None
    return Frame(
        f"/srv/app/{path}", line, function, True, source=source, revision=revision, blob=blob, language=language
    )


def shown(located: LocatedFrame) -> tuple[str, str, int, str, bool]:
    return located.anchor, located.display_path, located.line, located.function, located.function_edited


Files = Mapping[str, str | bytes | None]


def check(
    root: Path,
    frame: Frame,
    expected: tuple[str, str, str | int, str, bool],
    *,
    part: str = "answer = stripe",
    reason: str | None = None,
) -> LocatedFrame:
    """The frame is shown as expected; its line may be named by a part of its text, and must then have it."""
    located = Workspace([root]).locate(frame, 0)
    state, path, line, function, edited = expected
    if isinstance(line, str):
        line = line_of((root / path).read_bytes().decode("utf-8", "replace").replace("\r\n", "\n"), line)
    assert shown(located) == (state, path, line, function, edited), located.reason
    assert (reason or "") in (located.reason or "")
    return located


A, B = "answer = stripe", "Gateway.charge"
LONGER = SHOP.replace("import stripe\n", "import logging\nimport stripe\n\nlog = logging.error\n")

# What was done to the file since, and what is shown of the line `answer = stripe.charge(card, total)`.
SINCE: dict[str, tuple[str, tuple[str, str, str | int, str, bool]]] = {
    "nothing": (SHOP, ("exact", PATH, 17, B, False)),
    "lines above the function": (LONGER, ("moved", PATH, A, B, False)),
    "a line in another function": (SHOP.replace("// 10", "// 20"), ("exact", PATH, 17, B, False)),
    "a line below in its function": (SHOP.replace('"failed"', '"failed!"'), ("exact", PATH, 17, B, True)),
    "a line above in its function": (SHOP.replace('"no card"', '"none"'), ("exact", PATH, 17, B, True)),
    "a line put in above it": (SHOP.replace(ANSWER, f"        log(total)\n{ANSWER}"), ("moved", PATH, A, B, True)),
    "a comment put in above it": (SHOP.replace(ANSWER, f"        # Pay.\n{ANSWER}"), ("moved", PATH, A, B, False)),
    "the line edited": (SHOP.replace("(card, total)", "(card, 2 * total)"), ("edited", PATH, 17, B, False)),
    "the line edited, and lines above": (
        LONGER.replace("(card, total)", "(card, 2 * total)"),
        ("edited", PATH, A, B, False),
    ),
    "the line split": (
        SHOP.replace("stripe.charge(card, total)", "stripe.charge(\n            card,\n            total,\n        )"),
        ("edited", PATH, A, B, False),
    ),
    "the line deleted": (SHOP.replace(ANSWER, ""), ("edited", PATH, "total = self.fee", B, False)),
    "all of its code deleted": (
        SHOP.replace(CHARGE, '    def charge(self, card, amount):\n        """Later."""\n\n'),
        ("edited", PATH, '"""Later."""', B, False),
    ),
    "the function deleted": (SHOP.replace(CHARGE, ""), ("gone", PATH, 17, "charge", False)),
    "the function renamed": (SHOP.replace("def charge", "def pay"), ("exact", PATH, 17, "Gateway.pay", False)),
    "the function renamed, and edited": (
        SHOP.replace("def charge", "def pay").replace('"failed"', '"not paid"'),
        ("exact", PATH, 17, "Gateway.pay", True),
    ),
    "the class renamed": (SHOP.replace("class Gateway", "class Bank"), ("exact", PATH, 17, "Bank.charge", False)),
    "the function moved down in the file": (
        SHOP.replace(CHARGE, "").replace("\n\ndef refund", f"\n{CHARGE.rstrip()}\n\n\ndef refund"),
        ("moved", PATH, A, B, False),
    ),
    "the function moved out of the class": (
        SHOP.replace(CHARGE, "") + "\n\n" + CHARGE.replace("\n    ", "\n").lstrip(),
        ("moved", PATH, A, "charge", False),
    ),
    "the function indented deeper": (
        SHOP.replace(
            CHARGE, "    if True:\n" + CHARGE.replace("    def", "        def").replace("\n    ", "\n        ")
        ),
        ("moved", PATH, A, B, False),
    ),
    "the line indented deeper": (
        SHOP.replace(ANSWER, f"        with lock:\n    {ANSWER}"),
        ("moved", PATH, A, B, True),
    ),
    "a decorator put on": (SHOP.replace("    def charge", "    @retry\n    def charge"), ("moved", PATH, A, B, False)),
    "another text altogether": ("x = 1\n", ("gone", PATH, 17, "charge", False)),
    "nothing is left": ("", ("gone", PATH, 17, "charge", False)),
    "Windows line ends": (SHOP.replace("\n", "\r\n"), ("exact", PATH, 17, B, False)),
    "Mac line ends of old": (SHOP.replace("\n", "\r"), ("exact", PATH, 17, B, False)),
    "a byte order mark": ("\ufeff" + SHOP, ("exact", PATH, 17, B, False)),
    "no line end at the end": (SHOP.rstrip("\n"), ("exact", PATH, 17, B, False)),
    "a form feed": (SHOP.replace("class Gateway", "\x0cclass Gateway"), ("exact", PATH, 17, B, False)),
    "it does not parse": (SHOP.replace('"failed")', '"failed"'), ("exact", PATH, 17, B, True)),
    # The marks end the function for who reads it by its indentation.
    # For who reads it by its indentation, the marks end the function.
    "a conflict": (
        SHOP.replace(ANSWER, f"<<<<<<< HEAD\n{ANSWER}=======\n        answer = pay()\n>>>>>>> topic\n"),
        ("edited", PATH, "total = self.fee", B, False),
    ),
}


@pytest.mark.parametrize("committed", [False, True], ids=["uncommitted", "committed"])
@pytest.mark.parametrize("since", SINCE)
def test_what_became_of_a_line(root: Path, since: str, committed: bool) -> None:
    ran = commit(root, {PATH: SHOP})
    text, expected = SINCE[since]
    write(root, {PATH: text.encode()})
    if committed:
        commit(root)
    # A stack trace with the text of the line, and one without, are one question where git has what ran.
    for told in (True, False):
        located = Workspace([root]).locate(recorded(ran, told=told), 0)
        line = expected[2] if isinstance(expected[2], int) else line_of(text.lstrip("\ufeff"), expected[2])
        assert shown(located) == (*expected[:2], line, *expected[3:])
        assert (located.reason is None) == (located.anchor != "gone")


def test_the_editor_s_text_counts_before_it_is_saved(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    overlay = {root / PATH: LONGER}
    workspace = Workspace([root], overlay=overlay)
    assert shown(workspace.locate(recorded(ran), 0)) == ("moved", PATH, line_of(LONGER, A), B, False)
    overlay[root / PATH] = SHOP.replace(ANSWER, "")
    assert workspace.locate(recorded(ran), 0).anchor == "edited"
    overlay.clear()
    assert shown(workspace.locate(recorded(ran), 0)) == ("exact", PATH, 17, B, False)


# Two lines that are equal: which of them is left when one goes is not for differences to say.

CLOSE = "            self.close()\n"
LAST_CLOSE = "        self.close()\n        return answer\n"


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        (20, SHOP.replace(CLOSE, ""), ("edited", {19, 20, 21})),
        (22, SHOP.replace(CLOSE, ""), ("moved", {21})),
        (22, SHOP.replace(LAST_CLOSE, "        return answer\n"), ("edited", {21, 22})),
        (20, SHOP.replace(LAST_CLOSE, "        return answer\n"), ("exact", {20})),
        (20, SHOP.replace(CLOSE, CLOSE + CLOSE), ("edited", {20, 21})),
        (22, SHOP.replace(CLOSE, CLOSE + CLOSE), ("moved", {23})),
    ],
)
def test_twins(root: Path, line: int, text: str, expected: tuple[str, set[int]]) -> None:
    ran = commit(root, {PATH: SHOP})
    write(root, {PATH: text})
    frame = Frame(f"/srv/app/{PATH}", line, "charge", True, source="self.close()", revision=ran)
    located = Workspace([root]).locate(frame, 0)
    assert (located.anchor, located.function) == (expected[0], B)
    assert located.line in expected[1]


TWINS = """\
def go(items):
    step()
    step()
    return items
"""


@pytest.mark.parametrize("line", [2, 3])
@pytest.mark.parametrize("kept", [1, 3])
def test_of_twins_side_by_side_none_is_taken_for_the_other(root: Path, line: int, kept: int) -> None:
    ran = commit(root, {"go.py": TWINS})
    commit(root, {"go.py": TWINS.replace("    step()\n" * 2, "    step()\n" * kept)})
    located = Workspace([root]).locate(Frame("/srv/app/go.py", line, "go", True, source="step()", revision=ran), 0)
    assert (located.anchor, located.function) == ("edited", "go")


# Other files.

OTHER = "import os\n\n\ndef other():\n    return os.name\n"


@pytest.mark.parametrize("how", ["committed", "uncommitted in a known file", "uncommitted in a new file", "staged"])
def test_a_function_that_moved_to_another_file(root: Path, how: str) -> None:
    into = "shop/new.py" if "new" in how else "shop/other.py"
    ran = commit(root, {PATH: SHOP, "shop/other.py": OTHER, "docs/example.py": OTHER})
    write(root, {PATH: SHOP.replace(REFUND, ""), into: OTHER + "\n\n" + REFUND})
    if how == "committed":
        commit(root)
    if how == "staged":
        git(root, "add", "-A")
    check(root, recorded(ran, "total = sum", "refund"), ("moved", into, "total = sum", "refund", False))


def test_a_function_that_was_edited_as_it_moved_to_another_file(root: Path) -> None:
    ran = commit(root, {PATH: SHOP, "shop/other.py": OTHER})
    commit(
        root,
        {PATH: SHOP.replace(REFUND, ""), "shop/other.py": OTHER + REFUND.replace("sum(entries)", "total_of(entries)")},
    )
    edited = recorded(ran, "total = sum", "refund")
    check(root, edited, ("edited", "shop/other.py", "total = total_of", "refund", False))
    kept = recorded(ran, "return stripe.refund", "refund")
    check(root, kept, ("moved", "shop/other.py", "return stripe.refund", "refund", True))


def test_a_function_that_is_in_several_files_now(root: Path) -> None:
    ran = commit(root, {PATH: SHOP, "shop/a.py": OTHER, "shop/b.py": OTHER})
    commit(root, {PATH: SHOP.replace(REFUND, ""), "shop/a.py": OTHER + REFUND, "shop/b.py": OTHER + REFUND})
    check(
        root, recorded(ran, "total = sum", "refund"), ("gone", PATH, line_of(SHOP, "total = sum"), "refund", False),
        reason="shop/a.py, shop/b.py",
    )  # fmt: skip


def renamed(root: Path, how: str) -> None:
    (root / "core").mkdir()
    if how == "git mv":
        git(root, "mv", PATH, "core/bank.py")
        return
    (root / PATH).rename(root / "core/bank.py")
    if how == "mv":
        return
    commit(root)
    if how == "committed twice, rewritten":
        # Little is left of what it was: only the way from name to name leads there.
        half = SHOP[SHOP.index("class Gateway") :].replace(REFUND, "")
        more = "".join(f"def more_{number}():\n    return {number}\n\n\n" for number in range(20))
        commit(root, {"core/bank.py": more + half})
        git(root, "mv", "core/bank.py", "core/money.py")
        commit(root)


@pytest.mark.parametrize("how", ["git mv", "mv", "committed", "committed twice, rewritten"])
def test_a_file_that_was_renamed(root: Path, how: str) -> None:
    ran = commit(root, {PATH: SHOP, "core.py": OTHER})
    renamed(root, how)
    path = "core/money.py" if "twice" in how else "core/bank.py"
    check(root, recorded(ran), ("moved", path, A, B, False))


def test_a_file_that_was_renamed_and_edited_without_a_word_to_git(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    renamed(root, "mv")
    write(root, {"core/bank.py": LONGER.replace("(card, total)", "(card, 2 * total)"), "core/else.py": OTHER})
    check(root, recorded(ran), ("edited", "core/bank.py", A, B, False))
    check(root, recorded(ran, "total = sum", "refund"), ("moved", "core/bank.py", "total = sum", "refund", False))


@pytest.mark.parametrize("how", ["git mv", "mv", "committed"])
@pytest.mark.parametrize("instead", [OTHER, "from core.bank import *\n"])
def test_a_file_that_was_renamed_with_a_new_one_at_its_place(root: Path, how: str, instead: str) -> None:
    ran = commit(root, {PATH: SHOP})
    renamed(root, how)
    write(root, {PATH: instead})
    if how == "committed":
        commit(root)
    check(root, recorded(ran), ("moved", "core/bank.py", A, B, False))


def test_a_file_that_is_gone(root: Path) -> None:
    ran = commit(root, {PATH: SHOP, "shop/other.py": OTHER})
    commit(root, {PATH: None})
    check(root, recorded(ran), ("gone", PATH, 17, "charge", False), reason="in no file that changed since")


def test_a_file_that_a_sparse_checkout_leaves_out(root: Path) -> None:
    ran = commit(root, {PATH: SHOP, "docs/a.py": OTHER})
    git(root, "sparse-checkout", "set", "docs")
    check(root, recorded(ran), ("gone", PATH, 17, "charge", False), reason="git sparse-checkout add shop")


def test_which_of_two_files_of_one_name_ran(root: Path) -> None:
    ran = commit(root, {PATH: SHOP, "old/payments.py": "\n" + SHOP})
    short = recorded(ran, path="payments.py")
    check(root, short, ("exact", PATH, 17, B, False))
    check(root, recorded(ran, path="old/payments.py", text="\n" + SHOP), ("exact", "old/payments.py", 18, B, False))


# Other checkouts.


def test_a_file_of_a_submodule(root: Path, tmp_path: Path) -> None:
    lib = new(tmp_path / "lib")
    of_lib = commit(lib, {PATH: SHOP})
    git(root, "submodule", "-q", "add", lib.as_uri(), "lib")
    ran = commit(root, {"app.py": OTHER})
    write(root, {f"lib/{PATH}": LONGER})
    # The program tells the revision of what it was started in, or the library's own where it was started there.
    for revision in (ran, of_lib):
        check(root, recorded(revision, path=f"lib/{PATH}"), ("moved", f"lib/{PATH}", A, B, False))


def test_a_linked_worktree(root: Path, tmp_path: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    git(root, "worktree", "add", "-q", "-b", "topic", str(tmp_path / "linked"))
    commit(tmp_path / "linked", {PATH: LONGER})
    check(root, recorded(ran), ("exact", PATH, 17, B, False))
    check(tmp_path / "linked", recorded(ran), ("moved", PATH, A, B, False))


def test_a_workspace_inside_of_a_checkout(root: Path) -> None:
    ran = commit(root, {f"service/{PATH}": SHOP, "other/app.py": OTHER})
    commit(root, {f"service/{PATH}": LONGER})
    check(root / "service", recorded(ran), ("moved", PATH, A, B, False))
    check(root / "service", recorded(ran, path=f"service/{PATH}"), ("moved", PATH, A, B, False))


def test_a_detached_head_on_another_branch(root: Path) -> None:
    first = commit(root, {PATH: SHOP})
    git(root, "checkout", "-q", "-b", "topic")
    ran = commit(root, {PATH: LONGER})
    git(root, "checkout", "-q", "--detach", first)
    frame = recorded(ran, text=LONGER)
    check(root, frame, ("moved", PATH, 17, B, False))
    workspace = Workspace([root])
    assert workspace.locate(frame, 0).anchor == "moved"
    git(root, "checkout", "-q", "topic")
    workspace.refresh()
    assert shown(workspace.locate(frame, 0)) == ("exact", PATH, frame.line, B, False)


def test_a_branch_that_was_rebased(root: Path) -> None:
    commit(root, {PATH: SHOP})
    git(root, "checkout", "-q", "-b", "topic")
    ran = commit(root, {PATH: SHOP.replace('"no card"', '"no card at all"')})
    git(root, "checkout", "-q", "main")
    commit(root, {PATH: LONGER})
    git(root, "checkout", "-q", "topic")
    git(root, "rebase", "-q", "main")
    # No branch has the commit any more; as an object it is still there.
    assert ran not in git(root, "rev-list", "--all")
    check(root, recorded(ran), ("moved", PATH, A, B, False))


def test_a_shallow_clone_without_the_revision(root: Path, tmp_path: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    commit(root, {PATH: LONGER})
    git(tmp_path, "clone", "-q", "--depth=1", root.as_uri(), "shallow")
    shallow = tmp_path / "shallow"
    workspace = Workspace([shallow])
    located = workspace.locate(recorded(ran), 0)
    assert shown(located) == ("moved", PATH, line_of(LONGER, A), B, False)
    assert "git fetch --unshallow" in (located.reason or "")
    assert workspace.locate(recorded(ran, told=False), 0).anchor == "edited"
    git(shallow, "fetch", "-q", "--unshallow")
    workspace.refresh()
    assert shown(workspace.locate(recorded(ran, told=False), 0)) == ("moved", PATH, line_of(LONGER, A), B, False)
    assert workspace.locate(recorded(ran), 0).reason is None


@pytest.mark.parametrize("revision", ["main", "v1.0", "--output=x", "", "HEAD~1", "0" * 40])
def test_a_revision_that_is_none(root: Path, revision: str) -> None:
    commit(root, {PATH: SHOP})
    commit(root, {PATH: LONGER})
    located = Workspace([root]).locate(recorded(revision), 0)
    # What is known of the frame without it still counts.
    assert shown(located) == ("moved", PATH, line_of(LONGER, A), B, False)
    assert ("is no commit id" if len(revision) < 40 else "git fetch") in (located.reason or "")
    assert not (root / "x").exists()


def test_no_checkout_at_all(tmp_path: Path) -> None:
    write(tmp_path / "ws", {PATH: LONGER})
    located = Workspace([tmp_path / "ws"]).locate(recorded("0" * 40), 0)
    assert shown(located) == ("moved", PATH, line_of(LONGER, A), B, False)


def test_git_is_not_installed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = commit(root, {PATH: SHOP})
    write(root, {PATH: LONGER})
    monkeypatch.setenv("PATH", str(tmp_path))
    located = Workspace([root]).locate(recorded(ran), 0)
    assert shown(located) == ("moved", PATH, line_of(LONGER, A), B, False)
    assert "git cannot be run here: install it" in (located.reason or "")


# What ran was not what the revision has.


def blob_of(text: str) -> str:
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_it_ran_with_changes_that_are_still_there(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    write(root, {PATH: LONGER})
    frame = recorded(ran, text=LONGER, blob=blob_of(LONGER))
    check(root, frame, ("exact", PATH, A, B, False))


def test_it_ran_with_changes_that_were_committed_later(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    commit(root, {PATH: LONGER})
    commit(root, {PATH: "# one\n" + LONGER})
    for told in (True, False):
        frame = recorded(ran, text=LONGER, blob=blob_of(LONGER), told=told)
        check(root, frame, ("moved", PATH, A, B, False))


def test_it_ran_with_changes_that_are_gone(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    frame = recorded(ran, text=LONGER, blob=blob_of(LONGER))
    check(root, frame, ("moved", PATH, A, B, False), reason="ran with uncommitted changes, which git does not have")
    bare = recorded(ran, text=LONGER, blob=blob_of(LONGER), told=False)
    located = Workspace([root]).locate(bare, 0)
    assert located.anchor not in ("exact", "moved")


def test_it_ran_with_changes_that_nobody_told_of(root: Path) -> None:
    """The line of the revision is another than the recorded one: the revision is not what ran."""
    ran = commit(root, {PATH: SHOP})
    frame = recorded(ran, text=LONGER)
    check(root, frame, ("moved", PATH, A, B, False), reason="ran with changes that")
    # Without the text, the line of the revision is at least not in that function.
    bare = Frame(f"/srv/app/{PATH}", 31, "charge", True, revision=ran)
    assert Workspace([root]).locate(bare, 0).anchor not in ("exact", "moved")


# Encodings.

LATIN = "# coding: latin-1\n" + SHOP.replace('"no card"', '"carte d\xe9j\xe0 us\xe9e"')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LATIN.encode("latin-1"), ("# more\n" + LATIN).encode("latin-1")),
        (LATIN.encode("latin-1"), ("# more\n" + LATIN.replace("latin-1", "utf-8")).encode()),
        (SHOP.encode(), b"\xef\xbb\xbf# more\n" + SHOP.encode()),
        (b"\xef\xbb\xbf" + SHOP.encode(), ("# more\n" + SHOP).encode()),
        (SHOP.replace("\n", "\r\n").encode(), ("# more\n" + SHOP).encode()),
        (SHOP.encode(), ("# more\n" + SHOP).replace("\n", "\r\n").encode()),
        (SHOP.replace("Takes money", "\x0c\x1c\u2028\x85").encode(), ("# more\n" + SHOP).encode()),
        (SHOP.rstrip("\n").encode(), ("# more\n" + SHOP).encode()),
    ],
)
def test_texts_of_every_kind(root: Path, before: bytes, after: bytes) -> None:
    ran = commit(root, {".gitattributes": "* -text\n", PATH: before})
    write(root, {PATH: after})
    extra = before.startswith(b"# coding")
    for part, function, name in (
        (A, "charge", B),
        ("raise ValueError", "charge", B),
        ("total = sum", "refund", "refund"),
    ):
        line = line_of(SHOP, part) + extra
        frame = Frame(f"/srv/app/{PATH}", line, function, True, revision=ran)
        assert shown(Workspace([root]).locate(frame, 0)) == ("moved", PATH, line + 1, name, False)


# Frames of every kind.

KINDS = """\
import functools

TABLE = {name: len(name) for name in ("a", "b")}
KEY = lambda each: (
    each.size,
    each.name,
)


@functools.lru_cache(
    maxsize=None,
)
def outer(items, default=len("x")):
    def inner(item):
        return item.value

    found = [
        inner(item)
        for item in items
    ]
    return sorted(found, key=lambda each: each.size)


class Settings:
    path = find("settings")

    class Deep:
        async def run(self):
            await self.step()
"""

FRAMES: list[tuple[str, str, str]] = [
    ("TABLE =", "<module>", "<module>"),
    ("TABLE =", "<dictcomp>", "<module>"),
    ("each.name,", "<lambda>", "<lambda>"),
    ("lru_cache", "<module>", "<module>"),
    ("return item.value", "inner", "outer.inner"),
    ("return item.value", "outer.<locals>.inner", "outer.inner"),
    ("for item in items", "<listcomp>", "outer"),
    ("for item in items", "outer", "outer"),
    ("key=lambda", "<lambda>", "outer.<lambda>"),
    ("key=lambda", "outer", "outer"),
    ('path = find("settings")', "Settings", "Settings"),
    ("await self.step", "run", "Settings.Deep.run"),
    ("await self.step", "kinds.Settings.Deep.run", "Settings.Deep.run"),
]


@pytest.mark.parametrize(("part", "function", "shown_as"), FRAMES)
def test_frames_of_every_kind(root: Path, part: str, function: str, shown_as: str) -> None:
    ran = commit(root, {"kinds.py": KINDS})
    frame = recorded(ran, part, function, text=KINDS, path="kinds.py")
    located = check(root, frame, ("exact", "kinds.py", part, shown_as, False))
    assert located.anchor == "exact"
    write(root, {"kinds.py": "# one\n# two\n" + KINDS})
    check(root, frame, ("moved", "kinds.py", part, shown_as, False))
    commit(root)
    check(root, frame, ("moved", "kinds.py", part, shown_as, False))


LANGUAGES: dict[str, tuple[Language, str, str, str]] = {
    "web/cart.js": (
        "javascript",
        "Object.total",
        "total",
        "function total(cart) {\n  return cart.items.map(price);\n}\n",
    ),
    "web/cart.ts": ("javascript", "total", "total", "const total = (cart: Cart) =>\n  cart.items.map(price);\n"),
    "web/cart.go": (
        "go",
        "web.Total",
        "Total",
        "package web\n\nfunc Total(c *Cart) int {\n\treturn sum(c.Items.map)\n}\n",
    ),
    "web/cart.java": (
        "java",
        "web.cart.total",
        "cart.total",
        "package web;\n\nclass cart {\n  int total() { return x.map(y); }\n}\n",
    ),
}
"""The language, the function as it is recorded and as its file has it, and the text."""


@pytest.mark.parametrize("path", LANGUAGES)
def test_other_languages_have_paths_and_lines(root: Path, path: str) -> None:
    language, told, function, text = LANGUAGES[path]
    ran = commit(root, {path: text})
    frame = recorded(ran, ".map", told, text=text, path=path, language=language, told=False)
    line = frame.line
    check(root, frame, ("exact", path, line, function, False))
    write(root, {path: "// one\n" + text})
    check(root, frame, ("moved", path, line + 1, function, False))
    commit(root)
    check(root, frame, ("moved", path, line + 1, function, False))
    write(root, {path: text.replace(".map", ".filter")})
    check(root, frame, ("edited", path, line, function, False))
    write(root, {path: text})
    git(root, "mv", path, path.replace("cart", "till"))
    check(root, frame, ("moved", path.replace("cart", "till"), line, function, False))


# What git is asked, and how often.


def test_what_was_asked_once_costs_no_process_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from git import Git

    ran = commit(root, {PATH: SHOP, "shop/other.py": OTHER})
    renamed(root, "committed")
    frames = [recorded(ran), recorded(ran, "total = sum", "refund"), recorded("0" * 40)]
    workspace = Workspace([root])
    first = [shown(workspace.locate(frame, 0)) for frame in frames]
    processes: list[object] = []
    execute: Callable[..., object] = Git.execute
    monkeypatch.setattr(Git, "execute", lambda *words, **rest: processes.append(words) or execute(*words, **rest))
    assert [shown(workspace.locate(frame, 0)) for frame in frames] == first
    assert processes == []
    workspace.refresh()
    assert [shown(workspace.locate(frame, 0)) for frame in frames] == first
    assert processes


def test_a_frame_never_raises_in_a_broken_checkout(root: Path) -> None:
    ran = commit(root, {PATH: SHOP})
    write(root, {PATH: LONGER})
    expected = ("moved", PATH, line_of(LONGER, A), B, False)
    for name, content in ((".git/HEAD", b"\0\xff"), (".git/config", b"[broken"), (".git/index", b"no index")):
        kept = (root / name).read_bytes()
        (root / name).write_bytes(content)
        assert shown(Workspace([root]).locate(recorded(ran), 0)) == expected
        (root / name).write_bytes(kept)
