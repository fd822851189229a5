"""Stacks of Node as it runs here, and lines that other engines and bundlers print."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from flux_ls.model import Raised
from flux_ls.otlp.stacktrace import detect_language, parse_stacktrace

Place = tuple[str, int, int | None, str, bool]


def places(raised: Raised) -> list[Place]:
    return [(frame.path, frame.line, frame.column, frame.function, frame.in_app) for frame in raised.frames]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("at pay (/srv/app/pay.js:4:50)", ("/srv/app/pay.js", 4, 50, "pay", True)),
        ("at async pay (/srv/app/pay.js:4:50)", ("/srv/app/pay.js", 4, 50, "pay", True)),
        ("at Object.m [as z] (/srv/app/pay.js:4:5)", ("/srv/app/pay.js", 4, 5, "Object.m", True)),
        ("at new Cart (/srv/my app (1)/cart.ts:9:3)", ("/srv/my app (1)/cart.ts", 9, 3, "new Cart", True)),
        ("at /srv/app/pay.js:4:50", ("/srv/app/pay.js", 4, 50, "", True)),
        ("at async file:///srv/my%20app/pay.mjs:4:50", ("/srv/my app/pay.mjs", 4, 50, "", True)),
        ("at pay (file:///C:/work/pay.mjs:4:50)", ("C:/work/pay.mjs", 4, 50, "pay", True)),
        ("at pay (C:\\work\\pay.js:4:50)", ("C:\\work\\pay.js", 4, 50, "pay", True)),
        ("at C:\\work\\node_modules\\x\\pay.js:4:50", ("C:\\work\\node_modules\\x\\pay.js", 4, 50, "", False)),
        (
            "at eval (eval at run (/srv/app/a.js:8:9), <anonymous>:1:1)",
            ("/srv/app/a.js", 8, 9, "eval", True),
        ),
        ("at Array.map (<anonymous>)", ("<anonymous>", 0, None, "Array.map", False)),
        ("at run (node:internal/modules/run_main:117:5)", ("node:internal/modules/run_main", 117, 5, "run", False)),
        ("at load (internal/modules/cjs/loader.js:1:2)", ("internal/modules/cjs/loader.js", 1, 2, "load", False)),
        ("at Server.emit (events.js:315:20)", ("events.js", 315, 20, "Server.emit", False)),
        ("at h (/srv/node_modules/express/router.js:1:2)", ("/srv/node_modules/express/router.js", 1, 2, "h", False)),
        ("at pay (webpack://shop/./src/pay.ts?a1b2:4:5)", ("src/pay.ts", 4, 5, "pay", True)),
        ("at Page (webpack-internal:///(rsc)/./app/page.tsx:10:11)", ("app/page.tsx", 10, 11, "Page", True)),
        ("at pay (http://localhost:5173/src/App.tsx?t=17:4:5)", ("/src/App.tsx", 4, 5, "pay", True)),
        ("at Foo.<anonymous> (/srv/app/a.js:1)", ("/srv/app/a.js", 1, None, "Foo.<anonymous>", True)),
        ("pay@http://localhost:3000/static/js/main.js:1:200", ("/static/js/main.js", 1, 200, "pay", True)),
        ("async*pay/<@file:///srv/node_modules/@shop/x.js:1:2", ("/srv/node_modules/@shop/x.js", 1, 2, "pay", False)),
    ],
)  # fmt: skip
def test_one_line(line: str, expected: Place) -> None:
    text = line if "@" in line.split("(")[0] else f"Error: x\n    {line}"
    assert detect_language(text) == "javascript"
    assert places(parse_stacktrace(text, type="Error", message="x", language="javascript")) == [expected]


@pytest.mark.parametrize("line", ["at async Promise.all (index 0)", "at", "at nowhere", "at f (x"])
def test_no_place_in_the_line(line: str) -> None:
    raised = parse_stacktrace(f"Error: x\n    at f (/srv/a.js:1:2)\n    {line}", message="x", language="javascript")
    assert [frame.path for frame in raised.frames if frame.line] == ["/srv/a.js"]


SCRIPT = r"""
const util = require('util'), fake = "\n    at fake (/x/fake.js:1:2)\n";
class PayError extends Error { constructor(m, o) { super(m, o); this.name = 'PayError'; this.code = 'E_PAY' } }
function inner() { throw new TypeError("bad\n    at fake (/x/fake.js:1:2)\nmore") }
function middle() { try { inner() } catch (e) { throw new PayError(`outer${fake}end`, { cause: e }) } }
function caught(f) { try { f() } catch (e) { return e } }
const pay = caught(middle);
const all = new AggregateError([new Error("first"), pay, new Error("last")], "all failed");
const tell = e => ({ name: e.name, message: e.message, stack: e.stack, inspected: util.inspect(e, { depth: 9 }) });
const empty = caught(() => { throw new Error });
console.log(JSON.stringify({ pay: tell(pay), all: tell(all), empty: tell(empty) }));
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    script = Path(tmp_path_factory.mktemp("node")) / "shop.js"
    script.write_text(SCRIPT)
    done = subprocess.run([program, script], capture_output=True, text=True, check=True, timeout=30)
    told: dict[str, dict[str, str]] = json.loads(done.stdout)
    return told


def own(raised: Raised) -> list[tuple[int, str]]:
    assert all(frame.path.endswith("shop.js") for frame in raised.frames if frame.in_app)
    return [(frame.line, frame.function) for frame in raised.frames if frame.in_app]


def test_stack_of_node(node: dict[str, dict[str, str]]) -> None:
    told = node["pay"]
    raised = parse_stacktrace(told["stack"], type=told["name"], message=told["message"])
    assert (raised.type, raised.message) == ("PayError", told["message"])
    assert [function for _, function in own(raised)] == ["Object.<anonymous>", "caught", "middle"]
    assert [line for line, _ in own(raised)] == [7, 6, 5]
    assert not any(frame.in_app for frame in raised.frames if frame.path.startswith("node:"))


def test_cause_as_inspected(node: dict[str, dict[str, str]]) -> None:
    told = node["pay"]
    raised = parse_stacktrace(told["inspected"], type=told["name"], message=told["message"])
    assert own(raised)[-1] == (5, "middle")
    assert raised.cause is not None
    assert (raised.cause.type, raised.cause.message) == ("TypeError", "bad\n    at fake (/x/fake.js:1:2)\nmore")
    assert own(raised.cause) == [(7, "Object.<anonymous>"), (6, "caught"), (5, "middle"), (4, "inner")]


def test_members_of_an_aggregate_error(node: dict[str, dict[str, str]]) -> None:
    told = node["all"]
    raised = parse_stacktrace(told["inspected"], type=told["name"], message=told["message"])
    assert own(raised) == [(8, "Object.<anonymous>")]
    assert [(each.type, each.message.split("\n")[0]) for each in raised.members] == [
        ("Error", "first"),
        ("PayError", "outer"),
        ("Error", "last"),
    ]
    assert own(raised.members[0])[-1] == (8, "Object.<anonymous>")
    assert own(raised.members[1])[-1] == (5, "middle")
    assert raised.members[1].cause is not None
    assert own(raised.members[1].cause)[-1] == (4, "inner")
    assert raised.cause is None


def test_nothing_before_the_frames_but_the_name(node: dict[str, dict[str, str]]) -> None:
    told = node["empty"]
    raised = parse_stacktrace(told["stack"], type="Error", message="")
    assert (raised.type, raised.message) == ("Error", "")
    assert own(raised)[-1][0] == 10


def test_lines_in_common_with_the_cause_are_put_back() -> None:
    text = """\
Error: outer
    at run (/srv/app/a.js:9:1)
    at step (/srv/app/a.js:20:1)
    ... 2 lines matching cause stack trace ...
    at main (/srv/app/a.js:50:1) {
  [cause]: Error [ERR_X]: inner
      at fetch (/srv/app/a.js:3:1)
      at step (/srv/app/a.js:20:1)
      at two (/srv/app/a.js:30:1)
      at three (/srv/app/a.js:40:1)
      at main (/srv/app/a.js:50:1)
}"""
    raised = parse_stacktrace(text, type="Error", message="outer")
    assert [frame.function for frame in raised.frames] == ["main", "three", "two", "step", "run"]
    assert raised.cause is not None
    assert (raised.cause.type, raised.cause.message) == ("Error", "inner")


def test_message_told_otherwise_in_the_stack() -> None:
    text = (
        "Error: first\n    at fake (/x/fake.js:1:1)\nnot that\n"
        "    at pay (/srv/app/pay.js:4:5)\n    at main (/srv/app/a.js:1:2)\n"
    )
    raised = parse_stacktrace(text, type="Error", message="changed later")
    assert [frame.function for frame in raised.frames] == ["main", "pay"]
    assert raised.message == "changed later"


def test_causes_that_are_no_errors() -> None:
    text = "Error: c\n    at f (/srv/a.js:1:2) {\n  code: 'X',\n  [cause]: { x: 1 }\n}"
    assert parse_stacktrace(text, type="Error", message="c").cause is None
    text = "Error: c\n    at f (/srv/a.js:1:2) {\n  [cause]: [Error: ENOENT: no such file] {\n    errno: -2\n  }\n}"
    cause = parse_stacktrace(text, type="Error", message="c").cause
    assert cause is not None
    assert (cause.type, cause.message, cause.frames) == ("Error", "ENOENT: no such file", ())


def test_uncaught_with_an_excerpt_before() -> None:
    text = (
        "/srv/app/a.js:3\n  throw new TypeError('no')\n  ^\n\n"
        "TypeError: no\n    at f (/srv/app/a.js:3:9)\n\nNode.js v20.20.2"
    )
    raised = parse_stacktrace(text, message="no")
    assert (raised.type, places(raised)) == ("TypeError", [("/srv/app/a.js", 3, 9, "f", True)])
