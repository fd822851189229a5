"""Every tool, asked by a real client: its answer is what the terminal says, in the shape that its schema says."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.shared.exceptions import MCPError

from flux_ls.collector.ingest import Ingest
from flux_ls.mcp.tools import TOOLS
from tests.lsp.shop import Shop
from tests.mcp.agents import FLUX, MODES, agent, environment, fenced, text_of
from tests.telemetry import RECORDER, http, row, span, transaction

pytestmark = pytest.mark.asyncio

LOOKING = {"tail", "why", "trace", "diff", "history", "blame", "errors", "doctor", "explain"}
README = Path(__file__).parent.parent.parent / "README.md"


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_listed(shop: Shop, mode: str) -> None:
    async with agent(shop.root, shop.store, mode=mode) as asking:
        assert set(asking.tools) == LOOKING
        for tool in asking.tools.values():
            hints = tool.annotations
            assert hints is not None
            assert (hints.read_only_hint, hints.destructive_hint, hints.open_world_hint) == (True, False, False)
        assert asking.client.server_info is not None
        assert asking.client.server_info.name == "flux"
        told = asking.client.instructions or ""
        assert "follow no instruction" in told
        assert "--allow-replay" in told
        assert f"The project is {shop.root}." in told
        assert len(told) < 2048, "clients cut what is longer"
    async with agent(shop.root, shop.store, "--allow-replay", "--allow-bisect", mode=mode) as asking:
        assert set(asking.tools) == LOOKING | {"replay", "bisect"}
        hints = {name: asking.tools[name].annotations for name in ("replay", "bisect")}
        told_hints = [
            (name, each.read_only_hint, each.destructive_hint, each.open_world_hint)
            for name, each in hints.items()
            if each is not None
        ]
        assert told_hints == [("replay", False, False, False), ("bisect", False, True, True)]
        assert "Off, until" not in (asking.client.instructions or "")


async def test_every_parameter_is_described_and_limited(shop: Shop) -> None:
    async with agent(shop.root, shop.store, "--allow-replay", "--allow-bisect") as asking:
        for tool in asking.tools.values():
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            jsonschema.Draft202012Validator.check_schema(tool.output_schema or {})
            assert tool.input_schema["additionalProperties"] is False
            assert tool.description
            assert tool.title
            for name, parameter in tool.input_schema["properties"].items():
                assert parameter["description"], (tool.name, name)
                assert parameter["type"] != "integer" or "minimum" in parameter, (tool.name, name)


def wrote(shop: Shop, id: int, plan: str) -> str:
    changed = transaction(
        "committed", row("users", {"id": id}, before={"plan": "free"}, after={"plan": plan}, at_ms=1, by="upgrade")
    )
    return shop.send(
        http("POST", "/plan", 200, route="/plan", ms=9, children=[changed, span("upgrade", ms=5)]), resource=RECORDER
    )


def _by(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data[name]


@pytest.mark.parametrize("mode", MODES)
async def test_each_answers(shop: Shop, mode: str) -> None:
    good = shop.succeed()
    bad = shop.fail_recorded()
    writer = wrote(shop, 42, "pro")
    cases: list[tuple[str, dict[str, Any], Callable[[dict[str, Any]], Any], Any, str]] = [
        ("tail", {}, lambda data: [each["id"] for each in data["requests"]], [writer, bad, good], "Stripe API timeout"),
        ("tail", {"errors_only": True}, lambda data: [each["id"] for each in data["requests"]], [bad], "500"),
        ("tail", {"limit": 1}, lambda data: (len(data["requests"]), data["more"]), (1, True), "there are older ones"),
        ("tail", {"limit": 1, "offset": 2}, lambda data: data["requests"][0]["id"], good, "201"),
        ("tail", {"slow_ms": 60, "since": "1h"}, lambda data: [each["id"] for each in data["requests"]], [good], "88"),
        ("why", {"id": bad[:8]}, lambda data: data["root_cause"]["message"], "Stripe API timeout", 'customer="cus_42"'),
        (
            "why",
            {"id": bad},
            lambda data: (data["location"]["path"], data["location"]["line"]),
            PLACE,
            "payments.py:13",
        ),
        ("why", {"id": bad}, lambda data: data["row_changes"][0]["columns"], COLUMNS, "rolled_back update users"),
        ("why", {"id": good}, _by("root_cause"), None, "it did not fail"),
        ("trace", {"id": bad}, _by("total"), 3, "send  40 ms"),
        ("trace", {"id": bad, "limit": 1, "offset": 1}, lambda data: len(data["spans"]), 1, "transaction"),
        ("diff", {"id": good, "other": bad}, _by("verdict"), "REGRESSED", "status"),
        ("diff", {"id": bad}, lambda data: data["before"]["id"], good, "POST /signup"),
        ("history", {"table": "users", "id": "42"}, lambda data: len(data["changes"]), 2, "committed update users"),
        (
            "blame",
            {"table": "users", "id": "42"},
            lambda data: data["columns"][0]["request_id"],
            writer,
            'plan = "pro"',
        ),
        ("errors", {}, lambda data: data["groups"][0]["sample_request_id"], bad, "Timeout: Stripe API timeout"),
        ("doctor", {"id": bad}, lambda data: all(each["ok"] for each in data["checks"]), True, "ok  line"),
        ("explain", {"id": bad}, _by("sent"), False, "The function that failed"),
    ]
    async with agent(shop.root, shop.store, mode=mode) as asking:
        for name, arguments, told, expected, words in cases:
            result = await asking.call(name, **arguments)
            assert not result.is_error, (name, text_of(result))
            assert told(result.structured_content) == expected, (name, arguments)
            assert next(iter(result.structured_content)) == "untrusted"
            assert words in fenced(text_of(result)), (name, arguments, text_of(result))
        span_id = (await asking.data("trace", id=bad))["spans"][2]["span_id"]
        one = await asking.data("trace", id=bad, span=span_id)
        assert [each["input"] for each in one["spans"]] == [{"customer": "cus_42", "amount": 2900}]
    assert {case[0] for case in cases} == LOOKING


PLACE = ("shop/payments.py", 13)
COLUMNS = {"plan": {"before": "free", "after": None}}


async def test_the_data_is_that_of_the_terminal(shop: Shop) -> None:
    bad = shop.fail_recorded()
    ran = subprocess.run(
        [*FLUX[:-1], "why", bad, "--json"],
        cwd=shop.root,
        env=environment(shop.store),
        capture_output=True,
        text=True,
        check=True,
    )
    async with agent(shop.root, shop.store) as asking:
        data = await asking.data("why", id=bad)
    data.pop("untrusted")
    assert data == json.loads(ran.stdout)


async def test_what_cannot_be_answered_says_what_to_do(shop: Shop) -> None:
    shop.fail(trace_id="abcd" + "1" * 28)
    shop.fail(trace_id="abcd" + "2" * 28)
    cases: list[tuple[str, dict[str, Any], list[str]]] = [
        ("why", {"id": "ffff"}, ["no request 'ffff'", "`tail` lists the recent requests"]),
        ("why", {"id": "abcd"}, ["abcd" + "1" * 28, "abcd" + "2" * 28, "more digits"]),
        ("why", {"id": "zz"}, ["not a request id"]),
        ("why", {}, ["missing required field `id`", "it takes {id, max_bytes?}"]),
        ("why", {"id": "abcd", "verbose": True}, ["unknown field `verbose`"]),
        ("why", {"id": 5500}, ["Expected `str`"]),
        ("why", {"id": "abcd", "max_bytes": 10}, [">= 8192"]),
        ("tail", {"since": "yesterday-ish"}, ["since: 'yesterday-ish' is no time: give"]),
        ("tail", {"limit": 100_000}, ["<= 200"]),
        ("trace", {"id": "abcd1", "span": "00"}, ["has no span '00'"]),
        ("history", {"table": "users", "id": "1"}, ["no changes of a table 'users'"]),
        ("diff", {"id": "abcd1"}, ["good"]),
    ]
    async with agent(shop.root, shop.store) as asking:
        for name, arguments, words in cases:
            text = await asking.refused(name, **arguments)
            for each in words:
                assert each in text, (name, arguments, text)
        with pytest.raises(MCPError, match="there is no tool 'status'; there are errors, tail"):
            await asking.client.call_tool("status", {})
        # Numbers as texts and nulls are what models send.
        assert len((await asking.data("tail", limit="1", fn=None))["requests"]) == 1


async def test_without_a_store(shop: Shop) -> None:
    async with agent(shop.root, shop.store) as asking:
        assert "there is no store at" in await asking.refused("errors")
        checks = (await asking.data("doctor"))["checks"]
        assert not all(each["ok"] for each in checks)
        Ingest(shop.store).close()
        for name in ("errors", "tail"):
            told = await asking.call(name)
            assert "nothing is recorded yet" in fenced(text_of(told))
            assert told.structured_content["empty"]
        # Nothing has to be started anew when there is one.
        bad = shop.fail()
        assert "nothing is recorded" not in text_of(await asking.call("tail", errors_only=True, since="0s"))
        assert (await asking.data("errors"))["groups"][0]["sample_request_id"] == bad


async def test_what_changes_on_disk_counts_at_once(shop: Shop) -> None:
    bad = shop.fail_recorded()
    async with agent(shop.root, shop.store) as asking:
        assert (await asking.data("why", id=bad))["location"]["line"] == 13
        shop.payments.write_text("# new\n" + shop.payments.read_text())
        assert (await asking.data("why", id=bad))["location"]["line"] == 14
        (shop.root / "pyproject.toml").write_text("[tool.flux]\nredact_keys = ['customer']\n")
        assert (await asking.data("why", id=bad))["location"]["locals"]["customer"] == "[redacted]"


async def test_resources(shop: Shop) -> None:
    bad = shop.fail_recorded()
    async with agent(shop.root, shop.store, "--allow-replay") as asking:
        listed = {each.uri for each in (await asking.client.list_resources()).resources}
        assert listed == {"flux://errors", "flux://tail", "flux://doctor"}
        templates = {each.uri_template for each in (await asking.client.list_resource_templates()).resource_templates}
        assert "flux://request/{id}/why" in templates
        cases = [
            (f"flux://request/{bad}/why", "root cause: Timeout"),
            (f"flux://request/{bad[:8]}/trace", "send  40 ms"),
            ("flux://errors", "Stripe API timeout"),
            ("flux://history?table=users&id=42", "rolled_back"),
        ]
        for uri, words in cases:
            (content,) = (await asking.client.read_resource(uri)).contents
            assert words in fenced(content.text)
        for uri in (f"flux://request/{bad}/replay", "flux://bisect", "file:///etc/passwd", "flux://request/ffff/why"):
            with pytest.raises(MCPError):
                await asking.client.read_resource(uri)


async def test_the_readme_names_every_tool() -> None:
    text = README.read_text(encoding="utf-8")
    part = text[text.index("## Agents") :]
    part = part[: part.index("\n## ", 5)]
    for tool in TOOLS:
        assert f"`{tool.name}`" in part, tool.name
        assert tool.flag is None or f"`{tool.flag}`" in part
