"""Recorded values in Lua: what is decoded, how it is worded, and that it only shows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flux_ls.answers.values import bare, pairs, shown
from tests.e2e.launch import clean_environment
from tests.e2e.neovim.driver import Neovim

DECODED = "local holder = { v = require('flux.json').decode(...) } return "
LIMIT = 120


@pytest.fixture(scope="module")
def nvim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neovim]:
    folder = tmp_path_factory.mktemp("work")
    environment = clean_environment() | {"XDG_STATE_HOME": str(folder)}
    with Neovim(folder, env=environment, settings={"enable": False}) as running:
        yield running


def words(nvim: Neovim, function: str, tree: Any, limit: int = LIMIT) -> str:
    """What `flux.recorded` says of a value, decoded from JSON text."""
    text = json.dumps([tree], ensure_ascii=False)
    return str(
        nvim.lua(
            "local text, name, limit = ... local list = require('flux.json').decode(text) "
            "if name == 'pairs' then return require('flux.recorded').pairs(list[1], limit) end "
            "return require('flux.recorded')[name](list, 1, limit)",
            text,
            function,
            limit,
        )
    )


VALUES: list[Any] = [
    None,
    True,
    0,
    -7,
    1.0,
    0.1,
    1e300,
    2**60 + 1,
    "free",
    "",
    "null",
    "12",
    " padded ",
    'say "hi" \\ é🙂',
    [],
    {},
    [1, None, "a"],
    {"plan": None, "email": "alice@example.com", "account": 12345678901234567890},
    {"z": 1, "a": {"b": [1.5, {"c": None}]}},
    {"odd name": 1, "é": 2, "$$ref": 3},
    "[redacted]",
    {"$cut": "once upon a time", "length": 123456},
    {"$type": "shop.models.User", "id": 42, "plan": None},
    {"$type": "decimal.Decimal", "$repr": "Decimal('1.10')"},
    {"$bytes": "AAFoaQ=="},
    {"$ref": "shop.models.User"},
    {"$deep": "dict"},
    {"$deep": "shop.Tree"},
    {"$unloaded": True},
    {"$unreadable": "ValueError"},
    {"$float": "nan"},
    [1, 2, {"$more": 995}],
    {"a": 1, "$more": 3},
]


@pytest.mark.parametrize("tree", VALUES, ids=str)
def test_values_are_worded_as_in_the_terminal(nvim: Neovim, tree: Any) -> None:
    assert words(nvim, "shown", tree) == shown(tree)
    assert words(nvim, "bare", tree) == bare(tree)
    if isinstance(tree, dict):
        assert words(nvim, "pairs", tree) == pairs(tree)


@pytest.mark.parametrize("limit", [12, 20, 40])
@pytest.mark.parametrize(
    "tree",
    [
        "once upon a time " * 50,
        "🙂é" * 300,
        "\x1b" * 300,
        list(range(100)),
        {f"name{number}": "value " * 20 for number in range(30)},
        {"a": {"b": {"c": ["deep " * 30]}}},
        {"$cut": "x" * 500, "length": 10**7},
        {"$bytes": "eHh4" * 200},
    ],
    ids=lambda tree: str(tree)[:12],
)
def test_values_are_cut_to_their_cells(nvim: Neovim, tree: Any, limit: int) -> None:
    for function in ("shown", "bare"):
        cells = nvim.lua("return vim.fn.strdisplaywidth(...)", words(nvim, function, tree, limit))
        assert 3 < cells <= limit
    assert "…" in words(nvim, "shown", tree, limit)


@pytest.mark.parametrize(
    "text",
    [
        '{"b": [1, {"c": null}], "a": "x"}',
        " [ ] ",
        '"\\u00e9\\ud83d\\ude42\\"\\\\\\n"',
        '{"a":{"a":{"a":[[[[]]]]}}}',
        "[true,false,null,-1,2.5,1e3]",
        '{"":""}',
    ],
)
def test_json_is_read_as_neovim_reads_it(nvim: Neovim, text: str) -> None:
    assert nvim.lua("return require('flux.json').decode(...)", text) == nvim.lua(
        "return vim.json.decode(..., { luanil = { object = true } })", text
    )


@pytest.mark.parametrize("text", ["", "{", '{"a"}', '{"a":1,}', "[1 2]", "nul", "01x", '"open', "1 2", "{'a': 1}"])
def test_what_is_no_json_is_an_error(nvim: Neovim, text: str) -> None:
    assert nvim.lua("return pcall(require('flux.json').decode, ...)", text) is False


def test_half_a_character_does_no_harm(nvim: Neovim) -> None:
    assert nvim.lua("return require('flux.json').decode(...)", '["a\\ud83db"]') == ["a\ufffdb"]


def test_an_answer_as_text_is_taken_for_the_answer(nvim: Neovim) -> None:
    """What a server that gives JSON text says is seen whole by every view."""
    debug = {
        "request": {
            "id": "ab" * 16,
            "short_id": "abababab",
            "kind": "http",
            "name": "x",
            "started_at": "",
            "service": "",
        }
        | {"duration_ms": 1.5, "failed": False, "complete": True},
        "spans": [
            {"name": "create", "kind": "internal", "depth": 0, "duration_ms": 4, "status": "ok", "attributes": {}}
            | {"recorded": ["input"], "input": {"plan": None, "email": "a@b.c", "account": 2**60 + 1}}
            | {"row_changes": [], "rows_state": [], "noise": False, "parent_missing": False}
        ],
    }
    nvim.lua(
        "local answer = ... "
        "local client = { request = function(_, _, _, handler) handler(nil, { json = answer, text = '', uri = '' }) "
        "return true end, workspace_folders = {} } "
        "require('flux.client').with = function(callback) callback(client) end "
        "require('flux.commands.debug').open('abababab')",
        json.dumps(debug),
    )
    assert [" ".join(line.split()) for line in nvim.lines()][-1] == (
        'in plan=null, email="a@b.c", account=1152921504606846977'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é🙂", "plain é🙂"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x00\x07\x1b[31m\x7f", r"\x00\x07\x1b[31m\x7f"),
        ("\u0085\u009b", r"\x85\x9b"),
        ("\u202eevil\u2066\u200b\ufeff\u061c", r"\u202eevil\u2066\u200b\ufeff\u061c"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_text_that_acts_is_spelled_out(nvim: Neovim, text: str, expected: str) -> None:
    assert nvim.lua("return require('flux.plain').text(...)", text) == expected


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("🙂🙂🙂", 5, "🙂🙂…"),
        ("🙂🙂🙂", 6, "🙂🙂🙂"),
        ("e\u0301" * 4, 3, "e\u0301e\u0301…"),
        ("x" * 100_000, 4, "xxx…"),
        ("é" * 100_000, 4, "ééé…"),
    ],
)
def test_text_is_cut_between_characters(nvim: Neovim, text: str, cells: int, expected: str) -> None:
    assert nvim.lua("return require('flux.plain').cut(...)", text, cells) == expected


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("same", "name", "same"),
        ("a" * 50 + "b", "a" * 50 + "c", "…" + "a" * 6 + "b"),
        ("b" + "a" * 50, "c" + "a" * 50, "b" + "a" * 18 + "…"),
        ("é" * 50 + "b", "é" * 50 + "c", "…ééé" + "b"),
    ],
)
def test_long_texts_begin_where_they_differ(nvim: Neovim, text: str, other: str, expected: str) -> None:
    assert nvim.lua("return require('flux.plain').from_difference(...)", text, other, 20) == expected
