"""Suggestions as `why` gives them: for the text that ran, in its own line ends, and for no other."""

import json
from pathlib import Path

import pytest

from flux_ls.analysis.suggestions.told import marks_of
from flux_ls.answers.shapes import EditShape, PositionShape, SuggestionShape
from flux_ls.answers.why import why
from flux_ls.model import ExceptionRecord, Frame, Raised
from tests import checkout
from tests.recorded import Recorded
from tests.telemetry import Raises, http, span

CODE = "def charge(form):\n    card = form['é🙂'] + form['card']\n    return card\n"
LINE = "card = form['é🙂'] + form['card']"


def ask(recorded: Recorded, id: str) -> tuple[SuggestionShape, ...]:
    with recorded.reader() as reader:
        return why(reader, recorded.workspace(), id).suggestions


def missing_card(file: Path, *, marks: str = "", line: int = 2) -> Raises:
    source = LINE + (f"\n    {marks}" if marks else "")
    return Raises("KeyError", "'card'", ((str(file), line, "charge", source),))


def request(fault: Raises, **told: object) -> object:
    attributes = {name.replace("__", "."): json.dumps(value) for name, value in told.items()}
    return http("POST", "/pay", 500, raises=fault, attributes=attributes)


def test_the_shape(recorded: Recorded) -> None:
    file = recorded.write("shop/pay.py", CODE)
    locals = [{"path": str(file), "line": 2, "function": "charge", "locals": {"form": {"crad": "4", "é🙂": "x"}}}]
    id = recorded.add(request(missing_card(file), flux__locals=locals))
    assert ask(recorded, id) == (
        SuggestionShape(
            title="Did you mean the key 'crad'?",
            evidence="form at shop/pay.py:2 has no key 'card'; it has crad, é🙂",
            edit=EditShape("shop/pay.py", PositionShape(2, 30), PositionShape(2, 36), "'crad'"),
        ),
        SuggestionShape(
            title="Check for 'card' in form first, or give .get() a default that fits",
            evidence="form at shop/pay.py:2 has no key 'card'; it has crad, é🙂",
            edit=None,
        ),
    )


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (CODE, True),
        ("# moved\n" + CODE, True),
        (CODE.replace("\n", "\r\n"), True),
        ("\ufeff" + CODE, True),
        (CODE.replace("form['card']", "form.get('card', '')"), False),
        (CODE.replace("+ form['card']", "+ form['card'] + ''"), False),
        ("x = 1\n", False),
        (CODE + CODE.replace("charge", "refund"), True),
    ],
)
def test_only_the_text_that_ran_is_looked_at(recorded: Recorded, text: str, titles: bool) -> None:
    file = recorded.write("shop/pay.py", CODE)
    id = recorded.add(request(missing_card(file)))
    file.write_bytes(text.encode())
    assert bool(ask(recorded, id)) == titles


def test_what_ran_a_commit_or_with_edits_of_it_gets_the_same(recorded: Recorded) -> None:
    file = recorded.write("shop/pay.py", CODE)
    checkout.new(recorded.root)
    ran = {"vcs.ref.head.revision": checkout.commit(recorded.root)}
    plain = ask(recorded, recorded.add(request(missing_card(file))))
    assert plain
    assert ask(recorded, recorded.add(request(missing_card(file)), resource=ran)) == plain
    file.write_text("# edited\n" + CODE)
    blob = {str(file): checkout.git(recorded.root, "hash-object", "-w", "shop/pay.py")}
    edited = ask(recorded, recorded.add(request(missing_card(file, line=3), flux__vcs__blobs=blob), resource=ran))
    assert [each.title for each in edited] == [each.title for each in plain]


def test_a_file_that_is_not_here_gets_none(recorded: Recorded) -> None:
    assert ask(recorded, recorded.add(request(missing_card(Path("/srv/app/pay.py"))))) == ()


def test_a_failure_without_an_exception_gets_none(recorded: Recorded) -> None:
    assert ask(recorded, recorded.add(http("GET", "/", 500))) == ()
    file = recorded.write("shop/pay.py", CODE)
    attributes = {"code.file.path": str(file), "code.line.number": 2, "code.function.name": "charge"}
    assert ask(recorded, recorded.add(http("GET", "/", 500, attributes=attributes))) == ()


def test_what_went_well_gets_none(recorded: Recorded) -> None:
    file = recorded.write("shop/pay.py", CODE)
    root = http("POST", "/pay", 200, ms=50, children=[span("try", ms=20, raises=missing_card(file))])
    assert ask(recorded, recorded.add(root)) == ()


def test_marks_are_read_where_they_stand_below_the_line(recorded: Recorded) -> None:
    code = "def charge(a, b):\n    return [a['card'], b['card']]\n"
    file = recorded.write("shop/pay.py", code)
    source = "return [a['card'], b['card']]"
    for marks, title in (
        ("                   ~^^^^^^^^", "Use b.get('card'), which is None without the key"),
        ("        ~^^^^^^^^", "Use a.get('card'), which is None without the key"),
        ("", None),
        ("^^^", None),
    ):
        told = f"{source}\n    {marks}" if marks else source
        fault = Raises("KeyError", "'card'", ((str(file), 2, "charge", told),))
        found = ask(recorded, recorded.add(http("GET", "/", 500, raises=fault)))
        assert [each.title for each in found] == ([title] if title else [])


def test_a_stack_that_marks_two_parts_of_the_line_marks_none() -> None:
    """A message may hold what looks like a stack with marks."""
    frame = Frame("/srv/pay.py", 2, "charge", in_app=True, source="return [a[k], b[k]]")
    line = '  File "/srv/pay.py", line 2, in charge\n    return [a[k], b[k]]\n'
    one, other = f"{line}            ~^^^\n", f"{line}                  ~^^^\n"
    raised = Raised("KeyError", "1", (frame,))

    def marks(*stacks: str) -> tuple[int, int] | None:
        return marks_of(ExceptionRecord(raised, "event", 1, "".join(stacks)), frame)

    assert marks(one) == marks(one, one) == (8, 12)
    assert marks(other) == (14, 18)
    assert marks(one, "KeyError: \n", other) is None
    assert marks(one, line) is None
    assert marks(line) is None
    assert marks(one.replace("line 2", "line 3")) is None
    assert marks(one.replace("    ", "    |   ")) is None
    in_a_group = "".join(f"  | {each}\n" for each in one.splitlines())
    assert marks(in_a_group) == (8, 12)


def test_an_error_inside_of_a_library_is_not_the_lines(recorded: Recorded) -> None:
    file = recorded.write("shop/pay.py", CODE)
    fault = Raises(
        "KeyError",
        "'card'",
        (*missing_card(file).frames, ("/usr/lib/python3/site-packages/lib/a.py", 9, "lookup", "d[key]")),
    )
    assert ask(recorded, recorded.add(http("GET", "/", 500, raises=fault))) == ()


def test_a_rule_that_fails_costs_only_the_suggestions(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from flux_ls.analysis import suggestions as package

    def broken(failing: object) -> object:
        raise RecursionError("deep")

    monkeypatch.setattr(package, "RULES", (broken,))
    file = recorded.write("shop/pay.py", CODE)
    assert ask(recorded, recorded.add(request(missing_card(file)))) == ()
    assert "no suggestions for shop/pay.py:2" in caplog.text
