"""Functions of JavaScript, TypeScript, Go and Java, as stack traces of real programs name them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.otlp.stacktrace.go import parse_go
from flux_ls.otlp.stacktrace.java import parse_java
from flux_ls.otlp.stacktrace.javascript import parse_javascript
from flux_ls.source.bodies import body_lines
from flux_ls.source.by_text import anchor
from flux_ls.source.edits import Edit, Span, edited, span
from flux_ls.source.languages import grammars, parts
from flux_ls.source.languages.tree_index import TreeIndex
from flux_ls.source.lines import split_lines
from flux_ls.source.names import recorded_names
from flux_ls.source.places import Evidence, Text, evidence, place_at, recorded_scopes
from flux_ls.source.text_cache import parsed
from tests.examples import examples
from tests.source.frames import frame

PROGRAMS = Path(__file__).parent / "programs"
RULE = InAppRule()
Row = tuple[str, str, int, int, int, int]
"""Name, kind, first line, line, last line of the header, last line."""


def index(name: str, text: str) -> TreeIndex:
    found = grammars.read(Path(name), text, followed=True)
    assert found is not None
    return found


def rows(name: str, text: str) -> list[Row]:
    return [
        (each.name, each.kind, each.first_line, each.line, each.header_line, each.last_line)
        for each in index(name, text).scopes
    ]


def program(name: str) -> tuple[str, Text]:
    path = PROGRAMS / name
    return str(path), parsed(path, path.read_text())


TYPESCRIPT = """\
@Controller('orders')
export class Orders<T extends object> {
  @Input() sku: string;
  constructor(private readonly prices: Map<string, number>) {}

  @Get(':id', {
    cached: (id) => true,
  })
  async find(id: string): Promise<T>;
  async find(
    id: string,
  ): Promise<T> {
    return this.prices.get(id) as T;
  }

  abstract later(): void;
  @Output()
  changed = (event: Event): void => {
    this.emit(event);
  };
}

export default function <T>(each: T) {
  return each;
}
const total = (async (items: number[]) => {
  return items.length;
}) satisfies Total;
namespace Shop {
  export const open = () => 1;
}
interface Priced { price(): number }
"""
GO = """\
package main

// Handler of orders.
func (s *Server[K, V]) Handle(
	w Writer,
) error {
	defer func() {
		recover()
	}()
	return nil
}

func (Server) Close() {}
func (s *  Spaced) Odd() {}
type Doer interface{ Do() }
var parse = func(s string) int {
	return len(s)
}
"""
JAVA = """\
package shop;

@Service
public class Cart<T> {
  private final Map<String, Integer> prices = new HashMap<>();

  /** The total. */
  @Override
  @Cached(seconds = 3)
  public <R> int total(
      List<R> items)
      throws Exception
  {
    return items.stream()
        .mapToInt(item ->
            price(item))
        .sum();
  }

  abstract int price(Object item);

  static { load(); }

  enum Kind { ONE, TWO { int of() { return 2; } } }
}
interface Priced { int price(); default int twice() { return 2 * price(); } }
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "orders.ts",
            TYPESCRIPT,
            [
                ("Orders", "class", 1, 2, 2, 21),
                ("Orders.constructor", "def", 4, 4, 4, 4),
                ("Orders.cached", "def", 7, 7, 7, 7),
                ("Orders.find", "def", 10, 10, 12, 14),
                ("Orders.changed", "def", 17, 18, 18, 20),
                ("default", "def", 23, 23, 23, 25),
                ("total", "def", 26, 26, 26, 28),
                ("open", "def", 30, 30, 30, 30),
            ],
        ),
        (
            "server.go",
            GO,
            [
                ("(*Server).Handle", "def", 4, 4, 6, 11),
                ("(*Server).Handle.func", "lambda", 7, 7, 7, 9),
                ("Server.Close", "def", 13, 13, 13, 13),
                ("(*Spaced).Odd", "def", 14, 14, 14, 14),
                ("glob..func", "lambda", 16, 16, 16, 18),
            ],
        ),
        (
            "Cart.java",
            JAVA,
            [
                ("Cart", "class", 3, 4, 4, 25),
                ("Cart.total", "def", 8, 10, 13, 18),
                ("Cart.lambda$total", "lambda", 15, 15, 15, 16),
                ("Cart.<clinit>", "def", 22, 22, 22, 22),
                ("Cart$Kind", "class", 24, 24, 24, 24),
                ("Cart$Kind$<anonymous>", "class", 24, 24, 24, 24),
                ("Cart$Kind$<anonymous>.of", "def", 24, 24, 24, 24),
                ("Priced", "class", 26, 26, 26, 26),
                ("Priced.twice", "def", 26, 26, 26, 26),
            ],
        ),
        ("empty.go", "", []),
        ("broken.js", "function (", []),
    ],
)
def test_scopes(name: str, text: str, expected: list[Row]) -> None:
    assert rows(name, text) == expected


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_end_as_editors_count_them(line_end: str) -> None:
    assert rows("server.go", GO.replace("\n", line_end)) == rows("server.go", GO)


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.js", "const ü = 1, größe = () => 1;", (14, 19)),
        ("a.js", "class Ü { static größe() {} }", (18, 23)),
        ("a.js", "f(() => 1)", (3, 5)),
        ("a.go", "func (ü *Ü) Größe() {}", (13, 18)),
        ("A.java", "class A { int größe() { return 1; } }", (15, 20)),
    ],
)
def test_columns_of_the_name_count_code_points(name: str, text: str, columns: tuple[int, int]) -> None:
    last = index(name, text).scopes[-1]
    assert (last.name_column, last.name_end_column) == columns


def test_columns_of_comments() -> None:
    text = "a(); // b\n/* c */ d();\ne(); /* f */ // g\n/* h\n i */ j();\nk(); /*\n\n*/\n'// l'\nü(); // m\n"
    found = index("a.js", text)
    assert [found.comment(line) for line in range(1, 12)] == [6, None, 6, 1, None, 6, 1, 1, None, 6, None]


def test_bodies_are_without_comments() -> None:
    text = parsed(Path("a.go"), "package a\nfunc f() {\n\t/* one\n\ttwo */\n\tg() // three\n\t// four\n}\n")
    assert text.functions is not None
    assert body_lines(text.functions.scopes[0], text) == ("g()", "}")


@pytest.mark.parametrize(
    ("path", "function", "names"),
    [
        ("/srv/a.js", "charge", ("charge",)),
        ("/srv/a.ts", "async Pricing.price", ("Pricing.price", "price")),
        ("/srv/a.js", "Object.fn", ("Object.fn", "fn")),
        ("/srv/a.js", "new Cart", ("Cart.constructor", "Cart")),
        ("/srv/a.js", "async charge", ("charge",)),
        ("/srv/a.js", "Cart.get total [as total]", ("Cart.total", "total")),
        ("/srv/a.mjs", "set total", ("total",)),
        ("/srv/a.js", "getter", ("getter",)),
        ("/srv/a.js", "exports.charge", ("exports.charge", "charge")),
        ("/srv/a.js", "Cart.[Symbol.iterator]", ("Cart.[Symbol.iterator]", "[Symbol.iterator]")),
        ("/srv/a.js", "Object.<anonymous>", ()),
        ("/srv/a.js", "<anonymous>", ()),
        ("/srv/a.js", "new <anonymous>", ()),
        ("/srv/a.js", "", ()),
        ("/srv/a.js", "...", ()),
        ("/srv/a.go", "main.handler", ("handler",)),
        ("/srv/a.go", "github.com/acme/shop/v2.(*Cart).Total", ("(*Cart).Total", "Total")),
        ("/srv/a.go", "gopkg.in/yaml%2ev3.Parse", ("Parse",)),
        ("/srv/a.go", "main.Cart.Total-fm", ("Cart.Total", "Total")),
        ("/srv/a.go", "main.(*List[go.shape.struct { a/b.X }]).Push", ("(*List).Push", "Push")),
        ("/srv/a.go", "main.Map[...].func2.1", ("Map.func.func",)),
        ("/srv/a.go", "main.f.g.func3", ("f.g.func", "g.func")),
        ("/srv/a.go", "main.f.deferwrap1", ("f",)),
        ("/srv/a.go", "main.f-range1", ("f",)),
        ("/srv/a.go", "main.glob..func4", ("glob..func",)),
        ("/srv/a.go", "main.init.func4", ("glob..func",)),
        ("/srv/a.go", "main.init.0.func4", ("init.func",)),
        ("/srv/a.go", "(*Cart).Total", ("(*Cart).Total", "Total")),
        ("/srv/a.go", "Total", ("Total",)),
        ("/srv/a.go", "", ()),
        ("com/acme/Cart.java", "com.acme.Cart.total", ("Cart.total",)),
        ("com/acme/Cart.java", "com.acme.Cart$Line.total", ("Cart$Line.total",)),
        ("com/acme/Cart.java", "com.acme.Cart$1Local$2.total", ("Cart$Local$<anonymous>.total",)),
        ("com/acme/Cart.java", "com.acme.Cart.<init>", ("Cart.<init>", "Cart")),
        ("com/acme/Cart.java", "com.acme.Cart.<clinit>", ("Cart.<clinit>", "Cart")),
        ("com/acme/Cart.java", "com.acme.Cart.lambda$charge$0", ("Cart.lambda$charge",)),
        ("com/acme/Cart.java", "com.acme.Cart.lambda$null$3", ()),
        ("com/acme/Cart.java", "com.acme.Cart.access$000", ()),
        ("com/acme/Cart.java", "com.acme.Cart$$EnhancerBySpring$$1a2b.total", ()),
        ("com/acme/Cart.java", "total", ("total",)),
    ],
)
def test_recorded_names(path: str, function: str, names: tuple[str, ...]) -> None:
    assert recorded_names(frame(path, function=function)) == names


def test_javascript_as_node_names_it() -> None:
    path, text = program("calls.js")
    ran = subprocess.run(["node", path], capture_output=True, text=True, timeout=30, check=True)
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(said) == 51
    for place, expected in said:
        (found,) = parse_javascript(f"Error: x\n    at {place}", "Error", "x", RULE).frames
        there = place_at(found, text, found.line)
        assert there is not None, place
        assert (there.scope.name if there.scope else None) == expected, place


@pytest.mark.parametrize(
    ("source", "traces", "count"),
    # What `go run calls.go` and `java Calls.java` printed with Go 1.26 and OpenJDK 17.
    [("calls.go", "calls.go.txt", 21), ("Calls.java", "Calls.java.txt", 22)],
)
def test_go_and_java_as_their_runtimes_name_them(source: str, traces: str, count: int) -> None:
    path, text = program(source)
    said = [line.split("\t") for line in (PROGRAMS / traces).read_text().splitlines()]
    assert len(said) == count
    for function, line, expected in said:
        if source.endswith(".go"):
            trace = f"goroutine 1 [running]:\n{function}()\n\t{path}:{line} +0x1d\n"
            (found,) = parse_go(trace, "", "", RULE).frames
        else:
            (found,) = parse_java(f"E: x\n\tat {function}(Calls.java:{line})\n", "E", "x", RULE).frames
        there = place_at(found, text, found.line)
        assert there is not None, function
        assert there.scope is not None
        assert there.scope.name == expected, function
        assert evidence(found, text) == Evidence.FUNCTION_AT_LINE, function
        assert there.scope in recorded_scopes(found, text), function


@pytest.mark.parametrize(
    ("name", "line", "function"),
    [
        ("calls.js", 15, "Proxy.renamedWhenItRan"),
        ("calls.go", 35, "main.(*Generated).Method"),
        ("Calls.java", 38, "com.example.Calls.getGenerated"),
    ],
)
def test_a_name_that_the_file_does_not_have_speaks_against_nothing(name: str, line: int, function: str) -> None:
    path, text = program(name)
    found = frame(path, line, function)
    assert evidence(found, text) == Evidence.POSSIBLE
    there = place_at(found, text, line)
    assert there is not None
    assert there.scope is not None
    assert there.scope.covers(line)


@pytest.mark.parametrize(
    ("name", "text", "line", "names"),
    [
        ("a.js", "run(() => {\n  a();\n}).then(b);\n", 1, ("<anonymous>", None)),
        ("a.js", "run(() => {\n  a();\n}).then(b);\n", 2, ("<anonymous>",)),
        ("a.js", "run(() => {\n  a();\n}).then(b);\n", 3, ("<anonymous>", None)),
        ("a.js", "run(() => {\n  a();\n});\n", 3, ("<anonymous>",)),
        ("a.js", "run(() => {\n  a();\n}); // done\n", 3, ("<anonymous>",)),
        ("a.js", "const f = (x =\n  g()) => {\n  a();\n};\n", 2, ("f", None)),
        ("a.js", "f(() => 1, () => 2);\n", 1, ("<anonymous>", "<anonymous>", None)),
        ("a.go", "func f() {\n\tdefer func() {\n\t\tg()\n\t}()\n}\n", 4, ("f.func", "f")),
        ("A.java", "class A {\n  int x = f();\n}\n", 2, ("A",)),
    ],
)
def test_whose_frames_can_report_a_line(name: str, text: str, line: int, names: tuple[str | None, ...]) -> None:
    assert tuple(scope.name if scope else None for scope in index(name, text).executing(line)) == names


def test_typing_keeps_the_functions_while_the_text_does_not_parse() -> None:
    text = "func a() {\n\tx()\n}\n\nfunc b() {\n\ty()\n}\n"
    before = index("a.go", text)
    lines = split_lines(text)
    typed = [Edit(1, 2, ("\tx()", "\tif z(", "\t{")), Edit(2, 4, ("\tif z() {", "\t}"))]
    for edit, expected in zip(typed, ([("a", 1, 5), ("b", 7, 9)], [("a", 1, 5), ("b", 7, 9)]), strict=True):
        lines = edited(lines, [edit])
        at = span([edit])
        assert at is not None
        before = before.after(lines, at)
        assert [(each.name, each.first_line, each.last_line) for each in before.scopes] == expected


SOURCES = [("calls.js", None), ("calls.go", None), ("Calls.java", None), ("orders.ts", TYPESCRIPT)]
FRAGMENTS = ["", "  ", "x", "// y", "}", "{", "/*", "*/", "function n() {}", "func m() {}", "@D", "'", "`", "ü"]


@st.composite
def typed(draw: st.DrawFn) -> tuple[str, str, list[tuple[int, int, tuple[str, ...]]]]:
    name, text = draw(st.sampled_from(SOURCES))
    content = text if text is not None else (PROGRAMS / name).read_text()
    place = st.integers(0, content.count("\n"))
    lines = st.lists(st.sampled_from([*FRAGMENTS, *content.split("\n")[:60]]), max_size=3).map(tuple)
    return name, content, draw(st.lists(st.tuples(place, st.integers(0, 3), lines), min_size=1, max_size=6))


@pytest.mark.parametrize("small", [40, 400, 4096])
@given(case=typed())
@settings(deadline=None, max_examples=examples(100))
def test_edits_lead_to_what_parsing_anew_tells(
    small: int, case: tuple[str, str, list[tuple[int, int, tuple[str, ...]]]]
) -> None:
    with patch.object(parts, "_SMALL", small):
        check_edits(*case)


def check_edits(name: str, content: str, changes: list[tuple[int, int, tuple[str, ...]]]) -> None:
    lines, now = split_lines(content), index(name, content)
    for first, count, new in changes:
        first = min(first, len(lines))
        last = min(first + count, len(lines))
        lines = [*lines[:first], *new, *lines[last:]] or [""]
        now = now.after(lines, Span(first, last, len(new) or int(len(lines) == 1 and lines == [""])))
        anew = index(name, "\n".join(lines))
        numbers = range(1, len(lines) + 1)
        assert [now.comment(line) for line in numbers] == [anew.comment(line) for line in numbers]
        if anew._sound:
            assert now.scopes == anew.scopes
            assert [now.executing(line) for line in numbers] == [anew.executing(line) for line in numbers]
        for scope in now.scopes:
            assert 1 <= scope.first_line <= scope.line <= scope.header_line <= scope.last_line <= len(lines)


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("}", "package a\n\n\n\nfunc f() {\n\th()\n}\n", "edited"),
        ("return g(1)", "package a\n\nfunc f() int {\n\treturn g(1)\n}\n", "moved"),
    ],
)
def test_a_short_line_is_not_known_again_elsewhere(source: str, text: str, expected: str) -> None:
    found = frame("/srv/app/a.go", 3, "a.f", source, language="go")
    assert anchor(found, parsed(Path("a.go"), text), 0, None).state == expected


WORDS = ["class", "func", "function", "static", "new", "(", ")", "{", "}", "=>", "->", "a", "@", "\n", "'", ","]


@given(
    name=st.sampled_from(["a.js", "a.tsx", "a.go", "A.java"]),
    text=st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join),
)
@settings(deadline=None)
def test_any_text_has_an_index(name: str, text: str) -> None:
    found = index(name, text)
    lines = split_lines(text)
    for scope in found.scopes:
        assert 1 <= scope.first_line <= scope.line <= scope.header_line <= scope.last_line <= len(lines)
        assert 1 <= scope.name_column <= scope.name_end_column <= len(lines[scope.line - 1]) + 1
        assert scope in found.named(scope.name)
    for line in range(1, len(lines) + 1):
        assert len(found.executing(line)) >= 1
        assert (found.comment(line) or 1) <= len(lines[line - 1]) + 1


@pytest.fixture
def without_grammars(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(grammars, "load", lambda package, function: None)
    grammars.grammar.cache_clear()
    yield
    grammars.grammar.cache_clear()


@pytest.mark.usefixtures("without_grammars")
@pytest.mark.parametrize(
    ("path", "told"), [("a.ts", "TypeScript"), ("a.cjs", "JavaScript"), ("a.go", "Go"), ("A.java", "Java")]
)
def test_what_is_missing_is_told(path: str, told: str) -> None:
    assert parsed(Path(path), "x").functions is None
    assert grammars.not_read(path) == (
        f"those of {told} files are not read: its grammar is not installed",
        "pip install 'flux-ls[grammars]'",
    )


@pytest.mark.parametrize("path", ["a.js", "a.py", "a.vue", "a.svelte", "A.kt", "README", None])
def test_nothing_is_told_where_nothing_is_missing(path: str | None) -> None:
    assert grammars.not_read(path) is None


@pytest.mark.parametrize("name", ["a.vue", "a.svelte", "a.html", "A.kt", "a.txt"])
def test_other_files_have_no_functions(name: str) -> None:
    assert parsed(Path(name), "function f() {}").functions is None


def test_bundles_are_not_read() -> None:
    text = "function f(){return 1};" * (grammars.MAX_LENGTH // 20)
    assert parsed(Path("bundle.js"), text).functions is None
