"""`workspace/executeCommand`: the answers as data, as a page, and what is said when there is none."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from flux_ls.lsp import commands
from flux_ls.lsp.addresses import address, question_of
from tests.lsp.editors import PROFILES, able, editor, without
from tests.lsp.shop import Shop
from tests.lsp.test_markdown import ATTACKS, tokens
from tests.telemetry import Raises, http


@pytest.mark.asyncio
@pytest.mark.parametrize("profile", PROFILES)
async def test_answers(shop: Shop, profile: str) -> None:
    request = shop.fail()
    shop.handle()
    good = shop.succeed(at_ns=time.time_ns())
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        why = await client.command("why", {"id": request[:6]})
        assert why["request"]["id"] == request
        assert (why["root_cause"]["type"], why["root_cause"]["message"]) == ("Timeout", "Stripe API timeout")
        assert (why["location"]["path"], why["location"]["line"]) == ("shop/payments.py", 13)
        assert why["location"]["anchor"] == "exact"
        assert [frame["function"] for frame in why["frames"]] == ["create", "charge", "send"]
        assert why["uri"] == f"flux://request/{request}/why"
        assert why["text"].startswith(f"# Why did `req:{request[:8]}` fail?\n")
        assert "`shop/payments.py:13` in `send`" in why["text"]

        trace = await client.command("trace", {"id": f"req:{request[:8]}"})
        assert [span["name"] for span in trace["spans"]] == ["POST /signup"]
        assert "- ✗ `POST /signup` 44 ms at +0 µs `shop` — `Timeout: Stripe API timeout`" in trace["text"]

        errors = await client.command("errors")
        assert {(group["type"], group["state"]) for group in errors["groups"]} == {
            ("Timeout", "failing"),
            ("KeyError", "handled"),
        }
        assert "## `Timeout` (failing)" in errors["text"]
        assert (await client.command("errors", {"since": "2000-01-01"}))["groups"] == errors["groups"]

        tail = await client.command("tail", {"errorsOnly": True})
        assert [each["id"] for each in tail["requests"]] == [request]
        tail = await client.command("tail", {"limit": 1, "slow_ms": None})
        assert [each["id"] for each in tail["requests"]] == [good]
        assert f"`req:{good[:8]}`" in tail["text"]
        older = await client.command("tail", {"before": tail["earlier"], "patienceMs": 5000})
        assert len(older["requests"]) == 2
        assert request in [each["id"] for each in older["requests"]]
        assert older["earlier"] is None
        assert (await client.command("tail", {"before": good}))["requests"] == older["requests"]

        (failing,) = [group for group in errors["groups"] if group["state"] == "failing"]
        samples = await client.command("samples", {"fingerprint": failing["fingerprint"]})
        assert [each["id"] for each in samples["requests"]] == [request]
        assert f"`req:{request[:8]}`" in samples["text"]
        of_handled = {"fingerprint": failing["fingerprint"], "handled": True}
        assert (await client.command("samples", of_handled))["requests"] == []

        doctor = await client.command("doctor", {"id": request})
        checks = {check["name"]: check["ok"] for check in doctor["checks"]}
        assert checks["store"] is checks["paths"] is checks["line"] is True
        assert "editor" not in checks
        assert "✓ **paths**" in doctor["text"]
        doctor = await client.command("doctor")
        assert "none runs now for" in doctor["text"]
        assert "Every link holds." in doctor["text"]

        status = await client.command("status")
        assert status["store"]["path"] == str(shop.store)
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_an_open_buffer_counts_as_todays_text(shop: Shop) -> None:
    request = shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        client.edit(
            uri,
            2,
            types.TextDocumentContentChangePartial(types.Range(types.Position(0, 0), types.Position(0, 0)), "\n\n"),
        )
        location = (await client.command("why", {"id": request}))["location"]
        assert (location["line"], location["recorded_line"], location["anchor"]) == (15, 13, "moved")


@pytest.mark.asyncio
async def test_what_cannot_be_answered_says_why(shop: Shop) -> None:
    first = shop.send(http("GET", "/a"), trace_id="aaaa1111" + "0" * 24)
    shop.send(http("GET", "/b"), trace_id="aaaa2222" + "0" * 24)
    not_found, invalid = commands.NOT_FOUND, types.ErrorCodes.InvalidParams
    cases: list[tuple[str, list[Any], int, str]] = [
        ("why", [{"id": "ffff"}], not_found, "no request 'ffff'"),
        ("why", [{"id": "zz"}], invalid, "at least 4 hex digits"),
        ("why", [], invalid, "'id' is missing; it takes one object with {id, show?}"),
        ("why", [None], invalid, "'id' is missing"),
        ("why", ["aaaa1111"], invalid, "got a string"),
        ("why", [{"id": "aaaa1111"}, 2], invalid, "got 2 arguments"),
        ("trace", [{"id": 5}], invalid, "'id' must be a string, not a whole number"),
        ("trace", [{"id": first, "colour": 1}], invalid, "there is no parameter 'colour'"),
        ("tail", [{"limit": 0}], invalid, "'limit' must be from 1 to 1000"),
        ("tail", [{"before": "yesterday"}], invalid, "'before' must be what an answer gave as 'earlier'"),
        ("tail", [{"before": "f" * 32}], not_found, "no request 'ffff"),
        ("samples", [{"fingerprint": "x", "limit": 0}], invalid, "'limit' must be from 1 to 1000"),
        ("tail", [{"limit": True}], invalid, "'limit' must be a whole number, not true or false"),
        ("tail", [{"errorsOnly": "yes"}], invalid, "'errorsOnly' must be true or false"),
        ("tail", [{"slowMs": "1"}], invalid, "'slowMs' must be a number, not a string"),
        ("errors", [{"since": "yesterday-ish"}], invalid, "'yesterday-ish' is no time"),
        ("dismiss", [{"fingerprint": "nope"}], not_found, "no issue group 'nope'"),
        ("restore", [{"fingerprint": "nope"}], not_found, "no dismissed issue group 'nope'"),
        ("status", [{"x": 1}], invalid, "it takes no parameters"),
    ]
    async with editor(shop.root, store=shop.store) as client:
        for name, arguments, code, words in cases:
            with pytest.raises(JsonRpcException) as refused:
                await client.command(name, *arguments)
            assert words in refused.value.message, (name, arguments)
            assert refused.value.code == code, (name, arguments)
        with pytest.raises(JsonRpcException, match="give more digits") as refused:
            await client.command("why", {"id": "aaaa"})
        assert refused.value.data is not None
        candidates = refused.value.data["candidates"]
        assert {each["name"] for each in candidates} == {"GET /a", "GET /b"}
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_without_a_store_there_is_an_answer_all_the_same(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        assert (await client.command("tail"))["requests"] == []
        doctor = await client.command("doctor")
        assert {check["name"]: check["ok"] for check in doctor["checks"]}["store"] is False
        for name, arguments in (("why", {"id": "abcd"}), ("errors", None), ("dismiss", {"fingerprint": "x"})):
            with pytest.raises(JsonRpcException, match="there is no store at"):
                await client.command(name, arguments)
        assert not shop.store.exists(), "asking makes none"


@pytest.mark.asyncio
async def test_pages_are_safe(shop: Shop) -> None:
    harmful = {"link_open", "image", "html_inline", "html_block"}
    async with editor(shop.root, store=shop.store) as client:
        for attack in ATTACKS:
            frames = shop.timeout().frames
            raised = Raises(f"E{attack}", attack, frames)
            request = shop.send(
                http("GET", "/" + attack, 500, raises=raised, attributes={attack: attack}, service=attack),
            )
            for name, arguments in (("why", {"id": request}), ("trace", {"id": request})):
                text = (await client.command(name, arguments))["text"]
                assert not {token.type for token in tokens(text)} & harmful
        for name in ("errors", "tail", "status"):
            text = (await client.command(name))["text"]
            assert not {token.type for token in tokens(text)} & harmful


@pytest.mark.asyncio
async def test_content_for_clients_that_ask_for_it(shop: Shop) -> None:
    request = shop.fail()

    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    async with editor(shop.root, store=shop.store, capabilities=content) as client:
        for uri in (
            f"flux://request/{request[:8]}/why",
            f"flux:/request/{request}/trace",
            "flux://errors",
            "flux:tail",
        ):
            answer = await client.client.workspace_text_document_content_async(types.TextDocumentContentParams(uri))
            assert request[:8] in answer.text
        await client.command("why", {"id": request, "show": True})
        (shown,) = await client.until(lambda: client.client.shown_documents, "the page")
        assert shown.uri == f"flux://request/{request}/why"


@pytest.mark.asyncio
async def test_answers_are_shown_on_request(shop: Shop) -> None:
    request = shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        result = await client.command("why", {"id": request, "show": True})
        (shown,) = await client.until(lambda: client.client.shown_documents, "the page")
        page = Path(shown.uri.removeprefix("file://"))
        assert page.read_text() == result["text"]
        assert page.stat().st_mode & 0o077 == 0 or page.parent.stat().st_mode & 0o077 == 0
        assert client.client.messages == []
    assert not page.exists(), "it holds what was recorded"
    async with editor(shop.root, store=shop.store, capabilities=without("window", "show_document")) as client:
        result = await client.command("why", {"id": request, "show": True})
        (message,) = client.client.messages  # It comes before the answer.
        assert "Timeout" in message.message
        assert len(message.message.splitlines()) == 12
        page = Path(message.message.rpartition("all of it: ")[2])
        assert page.read_text() == result["text"]
        await client.command("tail", {"show": True})
        assert "all of it" not in client.client.messages[1].message, "it is short"
    assert not page.exists(), "it holds what was recorded"


@pytest.mark.parametrize(
    ("uri", "question"),
    [
        (address("why", "abcd"), ("why", {"id": "abcd"})),
        (address("trace", "../x y"), ("trace", {"id": "../x y"})),
        (address("errors", since="30m"), ("errors", {"since": "30m"})),
        (address("doctor"), ("doctor", {})),
        (address("doctor", "abcd"), ("doctor", {"id": "abcd"})),
        ("flux:request/abcd/why", ("why", {"id": "abcd"})),
        (
            address("bisect", run="pytest", firstParent="true"),
            ("bisect", {"run": "pytest", "firstParent": True, "latest": True}),
        ),
        ("flux://request/abcd/dismiss", None),
        ("flux://dismiss?fingerprint=x", None),
        ("flux://request/abcd", None),
        ("file:///etc/passwd", None),
        ("flux://[", None),
        ("", None),
    ],
)
def test_addresses(uri: str, question: object) -> None:
    assert question_of(uri) == question


@pytest.mark.asyncio
async def test_answers_as_json_text_forget_nothing(shop: Shop) -> None:
    """Neovim's tables lose null members, the order of names, and the last digits of long numbers."""
    body = {"plan": None, "email": "é", "account": 2**60 + 1}
    request = shop.fail_recorded(body=body)

    def wanting(capabilities: types.ClientCapabilities) -> None:
        capabilities.experimental = {"flux": {"json": True}}

    async with editor(shop.root, store=shop.store, capabilities=wanting) as client:
        answer = await client.command("debug", {"id": request})
        assert set(answer) == {"json", "text", "uri"}
        told = json.loads(answer["json"])["spans"][0]["input"]["body"]
        assert (told, list(told)) == (body, list(body))
    async with editor(shop.root, store=shop.store) as client:
        assert "json" not in await client.command("debug", {"id": request})


@pytest.mark.asyncio
async def test_json_text_has_null_for_a_number_that_json_has_not(shop: Shop) -> None:
    odd = {"share": float("nan"), "most": float("inf"), "half": 0.5}
    request = shop.send(http("GET", "/odd", 500, attributes=odd))

    def wanting(capabilities: types.ClientCapabilities) -> None:
        capabilities.experimental = {"flux": {"json": True}}

    def refused(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    async with editor(shop.root, store=shop.store, capabilities=wanting) as client:
        answer = await client.command("trace", {"id": request})
        told = json.loads(answer["json"], parse_constant=refused)["spans"][0]["attributes"]
        assert {name: told[name] for name in odd} == {"share": None, "most": None, "half": 0.5}
