"""`textDocument/codeLens`: one for each function with something to say, in a place that does not jump."""

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from lsprotocol import types

from flux_ls.lsp import lens_refresh, words
from flux_ls.lsp.held import HELD_FOR_S
from tests.lsp import nursery
from tests.lsp.editors import PROFILES, editor, without
from tests.lsp.shop import PAYMENTS, Shop
from tests.lsp.test_diagnostics import RAISES
from tests.telemetry import Raises, RaisesInNode

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

JUST_NOW = "just now\u2007\u2007"
"""As wide as any time."""


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_function_tells_its_failures(shop: Shop, profile: str) -> None:
    shop.fail()
    shop.fail(Raises("OSError", "disk full", shop.timeout().frames))
    latest = shop.fail()
    shop.handle()
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "all diagnostics")
        failing, handled = await client.lenses(uri)
        assert failing.range == types.Range(types.Position(10, 0), types.Position(10, 27)), "the line of the def"
        assert failing.command is not None
        assert failing.command.title == f"3 failures · last {JUST_NOW} · why"
        assert failing.command.command == "flux.server.why"
        assert list(failing.command.arguments or []) == [{"id": latest, "show": True}]
        assert handled.command is not None
        assert handled.command.title == f"1 handled error · last {JUST_NOW} · why"
        assert handled.range.start.line == 24
        assert await client.lenses(shop.signup.as_uri()) == [], "the lens stands where the fault is"


async def test_a_lens_keeps_its_place_as_failures_come_and_follows_edits(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        (before,) = await client.lenses(uri)
        shop.fail()
        await client.until(lambda: " 2 failures " in client.diagnostics(shop.payments)[0].message, "the second")
        (after,) = await client.lenses(uri)
        assert after.range == before.range
        client.edit(uri, 2, types.TextDocumentContentChangeWholeDocument("\n\n" + PAYMENTS))
        (moved,) = await client.lenses(uri)
        assert moved.range.start.line == before.range.start.line + 2, "at once, without a wait for the next beat"
        line = RAISES + 2
        change = types.Range(types.Position(line, 0), types.Position(line, 999))
        client.edit(uri, 3, types.TextDocumentContentChangePartial(change, "        pass"))
        (edited,) = await client.lenses(uri)
        assert edited.range == moved.range


async def test_the_lenses_of_a_file_are_there_at_the_first_time_of_asking(shop: Shop) -> None:
    for _ in range(200):
        shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        (lens,) = await client.lenses(uri)
        assert lens.command is not None
        assert lens.command.title.startswith("200 failures · last ")


JAVASCRIPT = """\
class Gateway {
  // Charges a card.
  async charge(card) {
    const bank = this.bank;
    throw new Error('declined');
  }
}
"""


async def test_a_function_in_javascript_keeps_its_lens_while_it_is_typed_in(shop: Shop) -> None:
    file = shop.payments.with_name("gateway.js")
    file.write_text(JAVASCRIPT)
    shop.fail(RaisesInNode("Error", "declined", ((str(file), 5, "async Gateway.charge", ""),)))
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(file, language="javascript")
        (lens,) = await client.lenses(uri)
        assert lens.range == types.Range(types.Position(2, 2), types.Position(2, 22))
        typed = ["    if (", "    if (bank.open", "    if (bank.open) {", "    if (bank.open) {\n    }"]
        for version, text in enumerate(typed, start=2):
            before = version - 2
            end = types.Position(3, len(typed[before - 1]) if before else 0)
            change = types.Range(types.Position(3, 0), end)
            text = text if before else f"{text}\n"
            client.edit(uri, version, types.TextDocumentContentChangePartial(change, text))
            (lens,) = await client.lenses(uri)
            assert lens.range.start.line == 2
        above = types.Range(types.Position(0, 0), types.Position(0, 0))
        client.edit(uri, 9, types.TextDocumentContentChangePartial(above, "\n\n"))
        (lens,) = await client.lenses(uri)
        assert lens.range.start.line == 4
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(file)] == [8], "the line of today"
        )


async def test_without_a_store_there_is_nothing_to_wait_for(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        before = asyncio.get_running_loop().time()
        assert await client.lenses(client.open(shop.payments)) == []
        assert asyncio.get_running_loop().time() - before < nursery.PATIENCE_S / 2


async def test_a_function_that_was_mended_says_by_which_run_until_it_fails_again(shop: Shop) -> None:
    failed = shop.fail(resource={"vcs.ref.head.revision": "a" * 40})
    async with editor(shop.root, store=shop.store, profile="visual_studio_code") as client:
        uri = client.open(shop.payments)
        (failing,) = await client.lenses(uri)
        good = shop.succeed(resource={"vcs.ref.head.revision": "b" * 40}, at_ns=time.time_ns())
        (fixed,) = await client.lenses_once(uri, lambda lenses: list(lenses) != [failing], "the proof")
        assert fixed.range == failing.range, "in its place"
        assert fixed.command is not None
        assert fixed.command.title == f"fixed: req:{good[:8]} 201"
        assert list(fixed.command.arguments or []) == [{"id": failed, "other": good, "show": True}]
        answer = await client.command(fixed.command.command.removeprefix("flux.server."), {"id": failed, "other": good})
        assert answer["verdict"] == "FIXED"
        told = await client.hover(uri, failing.range.start.line, 4)
        assert told is not None
        assert isinstance(told.contents, types.MarkupContent)
        assert f"`fixed: req:{good[:8]} 201`, just now" in told.contents.value
        assert "it was `Timeout: Stripe API timeout`" in told.contents.value
        assert not client.diagnostics(shop.payments)
        shop.succeed(resource={"vcs.ref.head.revision": "b" * 40}, at_ns=time.time_ns())
        await client.command("status")
        assert list(await client.lenses(uri)) == [fixed], "the first proof stays"
        shop.fail(resource={"vcs.ref.head.revision": "b" * 40}, at_ns=time.time_ns())
        await client.until(lambda: client.diagnostics(shop.payments), "it fails again")
        (again,) = await client.lenses(uri)
        assert again.range == failing.range
        assert again.command is not None
        assert again.command.title == f"2 failures · last {JUST_NOW} · why"
        better = shop.succeed(resource={"vcs.ref.head.revision": "c" * 40}, at_ns=time.time_ns() + 10**9)
        await client.until(lambda: not client.diagnostics(shop.payments), "it is mended again")
        (last,) = await client.lenses(uri)
        assert last.command is not None
        assert last.command.title == f"fixed: req:{better[:8]} 201"


async def test_a_lens_does_not_go_while_its_function_is_being_typed(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        (before,) = await client.lenses(uri)
        row, version = before.range.start.line, 1
        began = -HELD_FOR_S
        # Where the machine had no time for it, it took longer than somebody types.
        while time.monotonic() - began >= HELD_FOR_S:
            began = time.monotonic()
            for typed in ("def sen", "def se", "def", "", "d", "def s", "def send(", "def send(customer, amount):"):
                version += 1
                here = types.Range(types.Position(row, 0), types.Position(row, 999))
                client.edit(uri, version, types.TextDocumentContentChangePartial(here, typed))
                shown = await client.lenses(uri)
                if time.monotonic() - began < HELD_FOR_S:
                    assert [lens.range.start.line for lens in shown] == [row], typed
                    titles = [lens.command and lens.command.title for lens in shown]
                    assert titles == [before.command and before.command.title]
        client.edit(uri, version + 1, types.TextDocumentContentChangeWholeDocument("nothing = None\n"))
        assert await client.lenses(uri) == [], "nothing is left of the function"


async def test_clients_that_can_are_asked_to_ask_again_but_not_for_every_failure(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store, profile="visual_studio_code") as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        await client.lenses(uri)
        began, before = time.monotonic(), client.lens_refreshes
        for _ in range(10):
            shop.fail()

        def all_of_them(lenses: Sequence[types.CodeLens]) -> bool:
            return [lens.command and lens.command.title[:11] for lens in lenses] == ["11 failures"]

        await client.lenses_once(uri, all_of_them, "eleven")
        # One may still be on its way, of what was there at first.
        assert client.lens_refreshes - before <= 2 + (time.monotonic() - began) / lens_refresh.EVERY_S


async def test_clients_that_cannot_are_left_alone(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store, capabilities=without("workspace", "code_lens")) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        await client.lenses(uri)
        shop.fail()
        await client.until(lambda: " 2 failures " in client.diagnostics(shop.payments)[0].message, "the second")
        await asyncio.sleep(0.5)
        assert client.lens_refreshes == 0


async def test_traffic_above_the_handler_by_setting(shop: Shop) -> None:
    shop.fail()
    for _ in range(20):
        shop.succeed()
    async with editor(shop.root, store=shop.store, configuration={"trafficLens": True}) as client:
        uri = client.open(shop.signup)
        (lens,) = await client.lenses(uri)
        assert lens.range.start.line == 5
        assert lens.command is not None
        assert lens.command.title == "21 req · p95 88 ms"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (47 * 3_600, "47 h ago"),
        (48 * 3_600, "2 days ago"),
    ],
)
async def test_how_long_ago(seconds: int, expected: str) -> None:
    assert words.ago(10**18, 10**18 + seconds * 10**9) == expected


async def test_times_and_counts_of_a_lens_do_not_change_its_width() -> None:
    seconds = [0, 59, 60, 599, 600, 3_599, 3_600, 36_000, 47 * 3_600, 48 * 3_600, 6 * 86_400]
    assert {len(words.steady_ago(10**18, 10**18 + each * 10**9)) for each in seconds} == {len("59 min ago")}
    widths = [len(words.steady_number(number)) for number in range(1, 20_000)]
    changes = [number + 1 for number, (before, after) in enumerate(pairwise(widths), start=1) if before != after]
    assert changes == [10, 100, 1_000, 10_000], "once for each power of ten"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "1"),
        (999, "999"),
        (1_000, "1.0k"),
        (1_099, "1.0k"),
        (1_999, "1.9k"),
        (9_999, "9.9k"),
        (12_345, "12k"),
        (999_999, "999k"),
        (3_450_000, "3.4M"),
        (12_345_678_901, "12,345M"),
    ],
)
async def test_steady_numbers(number: int, expected: str) -> None:
    assert words.steady_number(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0"), (950, "950"), (1_200, "1.2k"), (2_000, "2k"), (3_450_000, "3.5M")]
)
async def test_short_numbers(number: int, expected: str) -> None:
    assert words.short_number(number) == expected


@pytest.mark.parametrize(
    ("ns", "expected"),
    [(870_000, "870 µs"), (192_400_000, "192 ms"), (1_440_000_000, "1.4 s"), (125 * 10**9, "2 min 5 s")],
)
async def test_durations(ns: int, expected: str) -> None:
    assert words.duration(ns) == expected
