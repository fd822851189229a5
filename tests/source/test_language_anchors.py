"""Failures of JavaScript, TypeScript, Go and Java, located by git in real checkouts, with grammars and without."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from flux_ls.model import Frame, Language, LocatedFrame
from flux_ls.source.languages import grammars
from flux_ls.source.workspace import Workspace
from tests.source.frames import frame


class Case(Struct, frozen=True):
    """A file whose function `charge` fails on the line with FAULT."""

    language: Language
    path: str
    recorded: str
    """The path of a stack trace."""
    function: str
    """The name of a stack trace."""
    text: str
    name: str
    """The qualified name in the file."""
    elsewhere: str
    """Another file of the language, with a `{}` for the function."""


FAULT = "prices.amount(item)"
CASES = [
    Case(
        "javascript",
        "src/pay.js",
        "/srv/app/src/pay.js",
        "Gateway.charge",
        """\
'use strict';

class Gateway {
  charge(item) {
    const prices = this.prices;
    const amount = prices.amount(item) + 1;
    return this.bank.send(amount);
  }

  refund(item) {
    return this.bank.back(item);
  }
}

module.exports = { Gateway };
""",
        "Gateway.charge",
        "class Till {{\n  open() {{}}\n\n{}}}\n",
    ),
    Case(
        "javascript",
        "src/pay.ts",
        "/srv/app/src/pay.ts",
        "async Gateway.charge",
        """\
import { Bank } from './bank';

export class Gateway {
  @Traced()
  async charge(item: Item): Promise<number> {
    const prices: Prices = this.prices;
    const amount = prices.amount(item) + 1;
    return this.bank.send(amount);
  }

  refund(item: Item): void {
    this.bank.back(item);
  }
}
""",
        "Gateway.charge",
        "export class Till {{\n  open(): void {{}}\n\n{}}}\n",
    ),
    Case(
        "go",
        "pay/pay.go",
        "/srv/app/pay/pay.go",
        "example.com/shop/pay.(*Gateway).charge",
        """\
package pay

type Gateway struct{ prices Prices }

func (g *Gateway) charge(item Item) int {
	prices := g.prices
	amount := prices.amount(item) + 1
	return g.send(amount)
}

func (g *Gateway) refund(item Item) {
	g.back(item)
}
""",
        "(*Gateway).charge",
        "package pay\n\nfunc open() {{}}\n\n{}",
    ),
    Case(
        "java",
        "src/main/java/shop/Gateway.java",
        "shop/Gateway.java",
        "shop.Gateway.charge",
        """\
package shop;

class Gateway {
  @Traced
  int charge(Item item) {
    Prices prices = this.prices;
    int amount = prices.amount(item) + 1;
    return bank.send(amount);
  }

  void refund(Item item) {
    bank.back(item);
  }
}
""",
        "Gateway.charge",
        "package shop;\n\nclass Till {{\n  void open() {{}}\n\n{}}}\n",
    ),
]


class Checkout:
    """A repository whose first commit ran."""

    def __init__(self, root: Path, case: Case) -> None:
        self.root, self.case = root, case
        self.file = root / case.path
        self.git("init", "-q")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.com")
        self.write(case.text)
        self.revision = self.commit()

    def git(self, *words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=True, timeout=30)
        return ran.stdout.strip()

    def write(self, text: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(text)

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def frame(self, *, revision: bool = True) -> Frame:
        line = next(at for at, text in enumerate(self.case.text.split("\n"), start=1) if FAULT in text)
        found = frame(self.case.recorded, line, self.case.function, language=self.case.language)
        return Frame(
            found.path,
            found.line,
            found.function,
            in_app=True,
            language=found.language,
            revision=self.revision if revision else None,
        )

    def locate(self, *, revision: bool = True) -> LocatedFrame:
        return Workspace([self.root]).locate(self.frame(revision=revision), 0)

    def line_of(self, wanted: str, path: Path | None = None) -> int:
        lines = (path or self.file).read_text().split("\n")
        return next(at for at, text in enumerate(lines, start=1) if wanted in text)


@pytest.fixture(params=CASES, ids=lambda case: case.path.rpartition(".")[2])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, request.param)


@pytest.fixture
def without_grammars(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(grammars, "load", lambda package, function: None)
    grammars.grammar.cache_clear()
    yield
    grammars.grammar.cache_clear()


def function_of(text: str) -> str:
    """The text of `charge`, from its annotation to its last brace and the empty line after it."""
    lines = text.split("\n")
    head = next(at for at, line in enumerate(lines) if "charge(" in line)
    first = head - 1 if "@Traced" in lines[head - 1] else head
    return "\n".join([*lines[first : head + 5], ""])


def test_where_it_ran_it_is_exact(checkout: Checkout) -> None:
    located = checkout.locate()
    head = checkout.line_of("charge(")
    assert (located.anchor, located.line, located.function) == ("exact", checkout.line_of(FAULT), checkout.case.name)
    assert (located.function_line, located.function_edited) == (head, False)


EDITS: dict[str, tuple[Callable[[str], str], str, str, bool]] = {
    # What is done to the text; the state, a text of the line, and whether its function has changed.
    "lines above": (lambda text: text.replace("\n", "\n\n\n", 1), "moved", FAULT, False),
    "the function moved": (
        lambda text: text.replace(function_of(text) + "\n", "", 1).replace(
            tail(text), tail(text) + "\n" + function_of(text)
        ),
        "moved",
        FAULT,
        False,
    ),
    "a line beside it": (lambda text: text.replace("prices;", "prices; trace();").replace("g.prices", "g.prices // x"),
                         "exact", FAULT, True),
    "the line": (lambda text: text.replace("(item) + 1", "(item) * 100"), "edited", "amount(item) * 100", False),
    "the function's name": (lambda text: text.replace("charge", "collect"), "exact", FAULT, False),
    "no longer there": (lambda text: text.replace(function_of(text) + "\n", ""), "gone", "", False),
}  # fmt: skip


def tail(text: str) -> str:
    """The last lines of `refund`."""
    lines = text.split("\n")
    head = next(at for at, line in enumerate(lines) if "refund(" in line)
    return "\n".join([*lines[head : head + 3], ""])


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "in the working tree"])
@pytest.mark.parametrize("edit", EDITS)
def test_what_was_done_to_it(checkout: Checkout, edit: str, committed: bool) -> None:
    change, state, text, function_edited = EDITS[edit]
    if edit == "a line beside it" and checkout.case.language == "go":
        # A comment changes nothing that runs.
        function_edited = False
    changed = change(checkout.case.text)
    assert changed != checkout.case.text
    checkout.write(changed)
    if committed:
        checkout.commit()
    located = checkout.locate()
    assert located.anchor == state, located.reason
    if state == "gone":
        return
    assert located.line == checkout.line_of(text)
    assert located.function == checkout.case.name.replace("charge", "collect" if "name" in edit else "charge")
    assert located.function_line == checkout.line_of("collect(" if "name" in edit else "charge(")
    assert located.function_edited == function_edited


def test_moved_to_another_file(checkout: Checkout) -> None:
    text, case = checkout.case.text, checkout.case
    checkout.write(text.replace(function_of(text) + "\n", ""))
    other = checkout.file.with_name("Till" + checkout.file.suffix)
    other.write_text(case.elsewhere.format(function_of(text)))
    checkout.commit()
    located = checkout.locate()
    assert (located.anchor, located.path) == ("moved", str(other)), located.reason
    assert located.line == checkout.line_of(FAULT, other)
    assert located.function == (case.name if case.language == "go" else "Till.charge")
    assert located.function_line == checkout.line_of("charge(", other)


def test_a_file_of_another_name(checkout: Checkout) -> None:
    other = checkout.file.with_name("Other" + checkout.file.suffix)
    checkout.git("mv", checkout.case.path, str(other.relative_to(checkout.root)))
    checkout.commit()
    located = checkout.locate()
    assert (located.anchor, located.path, located.line) == ("moved", str(other), checkout.line_of(FAULT, other))
    assert located.function == checkout.case.name


def test_unknown_names_do_not_stand_in_the_way(checkout: Checkout) -> None:
    recorded = checkout.frame()
    unknown = Frame(
        recorded.path, recorded.line, "shop.Made.up", True, language=recorded.language, revision=recorded.revision
    )
    checkout.write(checkout.case.text.replace("\n", "\n\n\n", 1))
    located = Workspace([checkout.root]).locate(unknown, 0)
    assert (located.anchor, located.line) == ("moved", checkout.line_of(FAULT))
    assert located.function == checkout.case.name
    later = Workspace([checkout.root]).locate(
        Frame(recorded.path, recorded.line, "shop.Made.up", True, language=recorded.language), 2**62
    )
    assert (later.anchor, later.line) == ("exact", recorded.line)


def test_without_a_revision_the_function_tells(checkout: Checkout) -> None:
    checkout.write(checkout.case.text.replace("\n", "\n" * 30, 1))
    located = checkout.locate(revision=False)
    assert (located.anchor, located.line) == ("edited", checkout.line_of("charge("))
    assert located.function == checkout.case.name


@pytest.mark.usefixtures("without_grammars")
@pytest.mark.parametrize(
    ("edit", "state"),
    [
        ("lines above", "moved"),
        ("the line", "edited"),
        ("a line beside it", "exact"),
        ("the function's name", "exact"),
    ],
)
def test_without_a_grammar_git_carries_the_line(checkout: Checkout, edit: str, state: str) -> None:
    change, _, text, _ = EDITS[edit]
    checkout.write(change(checkout.case.text))
    checkout.commit()
    located = checkout.locate()
    assert (located.anchor, located.line) == (state, checkout.line_of(text))
    assert (located.function, located.function_line) == (checkout.case.function, None)
    assert located.path == str(checkout.file)


CALLBACKS = """\
describe('carts', () => {
  it('adds', async () => {
    const cart = await open();
    expect(cart.size).toBe(1);
  });

  it('charges', async () => {
    const cart = await open();
    expect(cart.total).toBe(2);
  });
});
"""


@pytest.mark.parametrize(
    ("line", "change", "state", "text"),
    [
        (9, lambda text: "// above\n" + text, "moved", "cart.total"),
        (9, lambda text: text.replace("'charges'", "'charges twice'"), "exact", "cart.total"),
        (9, lambda text: text.replace("toBe(2)", "toBe(3)"), "edited", "cart.total"),
        # What is gone must not turn up in its neighbour, which is much like it and has no name either.
        (9, lambda text: text.replace(text[text.index("\n  it('charges'") : text.index("});\n", -5)], ""), "gone", ""),
        (8, lambda text: text.replace(text[text.index("\n  it('charges'") : text.index("});\n", -5)], ""), "gone", ""),
    ],
)
def test_callbacks_have_no_name(tmp_path: Path, line: int, change: Callable[[str], str], state: str, text: str) -> None:
    case = Case(
        "javascript", "test/carts.test.js", "/srv/app/test/carts.test.js", "Object.<anonymous>", CALLBACKS, "", ""
    )
    checkout = Checkout(tmp_path, case)
    checkout.write(change(CALLBACKS))
    recorded = Frame(case.recorded, line, "Object.<anonymous>", True, language="javascript", revision=checkout.revision)
    located = Workspace([tmp_path]).locate(recorded, 0)
    assert located.anchor == state, located
    if text:
        assert located.line == checkout.line_of(text)
        assert located.function == "<anonymous>.<anonymous>"
