"""Diagnostics: the failure on the responsible line of today, in every client, until it is mended."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from lsprotocol import types
from lsprotocol.types import DiagnosticSeverity

from flux_ls.lsp.findings import LOOK_FOR_FILES_EVERY_S
from tests.lsp.editors import ENCODINGS, PROFILES, Editor, editor, plain
from tests.lsp.shop import PAYMENTS, Shop
from tests.telemetry import Raises, http

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
RAISES = 12
"""The row of the line that raises, counted as the protocol does."""
ENDS = {"utf-8": 61, "utf-16": 58, "utf-32": 57}
"""Its end, behind `é🙂`."""


async def only(client: Editor, path: Path) -> types.Diagnostic:
    diagnostics: Sequence[types.Diagnostic] = await client.until(
        lambda: client.diagnostics(path), f"a diagnostic in {path.name}"
    )
    (diagnostic,) = diagnostics
    return diagnostic


async def gone(client: Editor, path: Path) -> None:
    await client.until(lambda: client.published and not client.diagnostics(path), f"{path.name} cleared")


def replaced(row: int, text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(row, 0), types.Position(row, 1_000)), text)


@pytest.mark.parametrize("transport", ["stdio", "tcp"])
@pytest.mark.parametrize("profile", PROFILES)
async def test_a_failure_arrives_on_its_line(shop: Shop, profile: str, transport: str) -> None:
    async with editor(shop.root, store=shop.store, profile=profile, transport=transport) as client:
        uri = client.open(shop.payments)
        request = shop.fail()
        diagnostic = await only(client, shop.payments)
        encoding = ENCODINGS[profile]
        assert diagnostic.range == types.Range(types.Position(RAISES, 8), types.Position(RAISES, ENDS[encoding]))
        assert diagnostic.severity == DiagnosticSeverity.Error
        assert (diagnostic.source, diagnostic.code) == ("flux", request[:8])
        assert diagnostic.message.startswith("Timeout: Stripe API timeout · 1 failure · last ")
        assert diagnostic.message.endswith(f" · req:{request[:8]}")
        assert client.published[-1].version == 1
        trail = diagnostic.related_information or ()
        if profile != "emacs":
            assert [(Path(step.location.uri).name, step.location.range.start.line) for step in trail] == [
                ("signup.py", 6),
                ("payments.py", 6),
                ("payments.py", 12),
            ]
            call = trail[1].location.range
            assert call.end.character == {"utf-8": 53, "utf-16": 50, "utf-32": 49}[encoding]
        again = shop.fail()
        await client.until(lambda: client.diagnostics(shop.payments)[0].code == again[:8], "the second failure")
        assert " · 2 failures · " in client.diagnostics(shop.payments)[0].message
        assert client.diagnostics(shop.payments)[0].range == diagnostic.range
        client.close(uri)


async def test_a_file_that_is_not_open_has_diagnostics_too_and_again_when_it_is_opened(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        await only(client, shop.payments)
        assert client.published[-1].version is None
        before = len(client.published)
        uri = client.open(shop.payments)
        await client.until(lambda: len(client.published) > before, "published again")
        assert client.published[-1].version == 1
        assert len(client.diagnostics(shop.payments)) == 1
        client.close(uri)


async def test_a_file_that_is_closed_and_opened_in_one_go_has_its_diagnostics_again(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await only(client, shop.payments)
        for _ in range(5):
            before = len(client.published)
            client.close(uri)
            client.open(shop.payments)
            await client.until(lambda: len(client.published) > before, "published again")  # noqa: B023
        assert len(client.diagnostics(shop.payments)) == 1


async def test_nothing_is_sent_twice(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        await only(client, shop.payments)
        before = len(client.published)
        for _ in range(3):
            shop.succeed()
            await client.command("status")
        await asyncio.sleep(1.3)  # Longer than a beat of every clock in the server.
        assert len(client.published) == before


@pytest.mark.slow
async def test_a_storm_of_failures_is_counted_on_the_screen_twice_a_second(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        shop.fail()
        await only(client, shop.payments)
        began = time.monotonic()
        while time.monotonic() < began + 2:
            shop.fail()
            await asyncio.sleep(0.02)
        await client.until(
            lambda: f" · {len(shop.sent)} failures · " in client.diagnostics(shop.payments)[0].message, "the last count"
        )
        assert len(client.published) <= 2 + (time.monotonic() - began) / 0.5
        assert client.diagnostics(shop.payments)[0].code == shop.sent[-1][:8]
        shop.fail(Raises("OSError", "disk full", shop.timeout().frames))
        await client.until(
            lambda: " · and 1 other kind here · " in client.diagnostics(shop.payments)[0].message, "what is new"
        )


async def test_a_storm_of_new_kinds_is_published_a_few_times_a_second(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        shop.fail()
        await only(client, shop.payments)
        began, before, kinds = time.monotonic(), len(client.published), 0
        while time.monotonic() < began + 2:
            kinds += 1
            shop.fail(Raises(f"Error{kinds}", "new", shop.timeout().frames))
            await asyncio.sleep(0.01)
        await client.until(
            lambda: f" · and {kinds} other kinds here · " in client.diagnostics(shop.payments)[0].message, "all of them"
        )
        assert kinds > 20
        assert len(client.published) - before <= 2 + (time.monotonic() - began) / 0.25


async def test_an_edit_above_moves_it_and_an_edit_of_the_line_fades_it(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store, profile="neovim") as client:
        uri = client.open(shop.payments)
        await only(client, shop.payments)
        new_line = types.TextDocumentContentChangePartial(
            types.Range(types.Position(0, 0), types.Position(0, 0)), '# "é🙂\x0c"\n'
        )
        client.edit(uri, 2, new_line)
        await client.until(
            lambda: client.diagnostics(shop.payments)[0].range.start.line == RAISES + 1, "it follows the edit"
        )
        assert client.published[-1].version == 2
        assert client.diagnostics(shop.payments)[0].severity == DiagnosticSeverity.Error
        client.edit(uri, 3, replaced(RAISES + 1, "        retry_later(amount)"))
        await client.until(
            lambda: [each.severity for each in client.diagnostics(shop.payments)] == [DiagnosticSeverity.Hint],
            "it fades",
        )
        faded = client.diagnostics(shop.payments)[0]
        assert faded.message.endswith(" · unverified since your edit")
        client.edit(uri, 4, types.TextDocumentContentChangeWholeDocument(PAYMENTS))
        await client.until(
            lambda: [each.severity for each in client.diagnostics(shop.payments)] == [DiagnosticSeverity.Error],
            "the text is back",
        )
        client.edit(uri, 5, types.TextDocumentContentChangeWholeDocument("nothing = None\n"))
        await gone(client, shop.payments)
        assert client.published[-1].version == 5


async def test_closing_without_saving_goes_back_to_the_file(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments, "nothing = None\n")
        await client.command("status")
        assert not client.diagnostics(shop.payments)
        client.close(uri)
        assert (await only(client, shop.payments)).range.start.line == RAISES
        assert client.published[-1].version is None


async def test_a_file_changed_on_disk_by_somebody_else(shop: Shop) -> None:
    shop.fail()
    started = time.monotonic()
    async with editor(shop.root, store=shop.store) as client:
        await only(client, shop.payments)
        shop.payments.write_text("# above\n" + PAYMENTS, encoding="utf-8")
        await client.until(
            lambda: client.diagnostics(shop.payments)[0].range.start.line == RAISES + 1, "it follows the file"
        )
        shop.payments.unlink()
        await gone(client, shop.payments)
        shop.payments.write_text(PAYMENTS, encoding="utf-8")
        await only(client, shop.payments)
        assert time.monotonic() - started < LOOK_FOR_FILES_EVERY_S, "sooner than files that are missing are looked for"


async def test_a_later_good_run_on_newer_code_clears_it_and_an_edit_does_not_bring_it_back(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        await only(client, shop.payments)
        shop.succeed()
        await client.command("status")
        assert len(client.diagnostics(shop.payments)) == 1, "a good run of the same code mends nothing"
        fixed = PAYMENTS.replace("if amount > 100:", "if amount > 100_000:")
        shop.payments.write_text(fixed, encoding="utf-8")
        shop.succeed(at_ns=time.time_ns() + 20_000_000)
        await gone(client, shop.payments)
        shop.payments.write_text(fixed + "\n# more\n", encoding="utf-8")
        os.utime(shop.payments, (time.time() + 60, time.time() + 60))
        client.open(shop.payments)
        await client.command("status")
        assert not client.diagnostics(shop.payments)
    # Nor does it for a server that has never seen the code between the two edits.
    shop.payments.write_text(fixed + "\n# and more\n", encoding="utf-8")
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        (lens,) = await client.lenses(uri)
        assert lens.command is not None
        assert lens.command.title == f"fixed: req:{shop.sent[-1][:8]} 201"
        assert not client.diagnostics(shop.payments)
        shop.fail(at_ns=time.time_ns() + 2_000_000_000)
        await only(client, shop.payments)


async def test_a_later_good_run_of_another_revision_clears_it(shop: Shop) -> None:
    shop.fail(resource={"vcs.ref.head.revision": "a" * 40})
    async with editor(shop.root, store=shop.store) as client:
        await only(client, shop.payments)
        shop.succeed(resource={"vcs.ref.head.revision": "a" * 40}, at_ns=time.time_ns())
        await client.command("status")
        assert len(client.diagnostics(shop.payments)) == 1
        shop.succeed(resource={"vcs.ref.head.revision": "b" * 40}, at_ns=time.time_ns())
        await gone(client, shop.payments)
        await client.until(lambda: client.status.get("failing") == 0, "nothing fails any more")


async def test_handled_errors_are_warnings_and_can_be_hidden(shop: Shop) -> None:
    request = shop.handle()
    async with editor(shop.root, store=shop.store, configuration={}) as client:
        diagnostic = await only(client, shop.payments)
        assert diagnostic.severity == DiagnosticSeverity.Warning
        assert diagnostic.message.startswith("handled: KeyError: 'ch_1' · 1 time · last ")
        assert diagnostic.code == request[:8]
        client.client.set_configuration({"showHandled": False}, section="flux")
        client.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await gone(client, shop.payments)


async def test_a_failure_that_was_not_seen_for_a_day_is_a_warning(shop: Shop) -> None:
    shop.fail(at_ns=time.time_ns() - 25 * 3600 * 10**9)
    async with editor(shop.root, store=shop.store) as client:
        assert (await only(client, shop.payments)).severity == DiagnosticSeverity.Warning


async def test_dismissed_until_restored(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        diagnostic = await only(client, shop.payments)
        assert diagnostic.data is not None
        fingerprint = diagnostic.data["fingerprint"]
        assert (await client.command("dismiss", {"fingerprint": fingerprint}))["state"] == "dismissed"
        await gone(client, shop.payments)
        assert (await client.command("restore", {"fingerprint": fingerprint}))["state"] == "restored"
        await only(client, shop.payments)


async def test_kinds_on_one_line_are_one_hint_and_dismissing_it_shows_the_next(shop: Shop) -> None:
    shop.fail()
    shop.payments.write_text("# a line above\n" + PAYMENTS, encoding="utf-8")
    moved = shop.fail()
    full = shop.fail(Raises("OSError", "disk full", shop.timeout().frames))
    async with editor(shop.root, store=shop.store) as client:
        first = await only(client, shop.payments)
        assert first.message.startswith("OSError: disk full · 1 failure · and 1 other kind here · last ")
        assert (first.code, first.range.start.line) == (full[:8], RAISES + 1)
        assert [info.message for info in (first.related_information or ())][-1] == (
            f"also here: Timeout: Stripe API timeout · 2 failures · req:{moved[:8]}"
        )
        assert first.data is not None
        (other,) = plain(first.data)["others"]
        assert (other["requestId"], other["message"]) == (moved, "Timeout: Stripe API timeout · 2 failures")
        await client.command("dismiss", {"fingerprint": first.data["fingerprint"]})
        await client.until(lambda: client.diagnostics(shop.payments)[0].code == moved[:8], "the next one")
        second = await only(client, shop.payments)
        assert second.message.startswith("Timeout: Stripe API timeout · 2 failures · last ")
        assert second.data is not None
        assert second.data["fingerprint"] == other["fingerprint"]
        await client.command("dismiss", {"fingerprint": other["fingerprint"]})
        await gone(client, shop.payments)


async def test_groups_on_other_lines_have_hints_of_their_own(shop: Shop) -> None:
    shop.fail()
    shop.fail(Raises("OSError", "disk full", shop.timeout().frames[:2]))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "both")
        told = {each.range.start.line: each.message.split(" · ")[0] for each in client.diagnostics(shop.payments)}
        assert told == {RAISES: "Timeout: Stripe API timeout", 6: "OSError: disk full"}


async def test_dismissed_until_a_new_kind_comes_also_for_a_server_that_starts_anew(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        diagnostic = await only(client, shop.payments)
        assert diagnostic.data is not None
        await client.command("dismiss", {"fingerprint": diagnostic.data["fingerprint"]})
        await gone(client, shop.payments)
    async with editor(shop.root, store=shop.store) as client:
        shop.fail(shop.timeout("another message"))
        uri = client.open(shop.payments)
        assert (await client.command("errors"))["groups"][0]["count"] == 2
        assert await client.lenses(uri) == []
        assert not client.diagnostics(shop.payments), "the same kind: the type and the way to the fault"
        way = shop.timeout().frames
        new = shop.fail(Raises("Refused", "another type", way))
        assert (await only(client, shop.payments)).code == new[:8]
        other_way = shop.fail(Raises("Timeout", "through other functions", way[1:]))
        await client.until(
            lambda: " · and 1 other kind here · " in client.diagnostics(shop.payments)[0].message, "both new kinds"
        )
        assert client.diagnostics(shop.payments)[0].code == other_way[:8], "the newest of two as frequent ones"


async def test_at_most_so_many_hints_in_a_file_and_the_last_says_how_many_more(shop: Shop) -> None:
    lines = [f"def f{number}(): raise ValueError({number})" for number in range(9)]
    many = shop.root / "shop" / "many.py"
    many.write_text("\n".join(lines) + "\n")
    for number, line in enumerate(lines):
        where = ((str(many), number + 1, f"f{number}", line),)
        shop.send(http("GET", f"/{number}", 500, raises=Raises("ValueError", str(number), where)))
    async with editor(shop.root, store=shop.store, configuration={"hintsPerFile": 4}) as client:
        await client.until(lambda: len(client.diagnostics(many)) == 4, "four of nine")
        shown = client.diagnostics(many)
        assert [each.range.start.line for each in shown] == [5, 6, 7, 8], "the latest kinds"
        assert shown[-1].message.endswith(" · 5 more hints left out, flux.hintsPerFile is 4")
        assert all("left out" not in each.message for each in shown[:-1])
        client.client.set_configuration({"hintsPerFile": 20}, section="flux")
        client.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await client.until(lambda: len(client.diagnostics(many)) == 9, "all of them")


async def test_nothing_is_published_as_of_a_document_that_was_closed(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments, "# not saved\n" + PAYMENTS)
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(shop.payments)] == [RAISES + 1], "as typed"
        )
        client.close(uri)
        closed_at = len(client.published)
        for _ in range(5):
            latest = shop.fail()
        await client.until(lambda: client.diagnostics(shop.payments)[0].code == latest[:8], "in the list of problems")
        for published in client.published[closed_at:]:
            assert published.version is None
            assert [each.range.start.line for each in published.diagnostics] == [RAISES], "at the text on disk"


async def test_text_of_a_trace_stays_one_short_line(shop: Shop) -> None:
    shop.fail(shop.timeout("line one\nline two \x1b[31mred\x1b[0m \u202eevil " + "x" * 5_000))
    async with editor(shop.root, store=shop.store) as client:
        message = (await only(client, shop.payments)).message
        assert message.startswith("Timeout: line one line two \\x1b[31mred\\x1b[0m \\u202eevil xxx")
        assert len(message) < 300
        assert "\n" not in message


async def test_a_failure_outside_of_the_workspace_shows_nowhere(shop: Shop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text("def f():\n    raise ValueError\n")
    frames = ((str(elsewhere), 2, "f", "raise ValueError"),)
    shop.send(http("GET", "/", 500, raises=Raises("ValueError", "no", frames)))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("unplaced") == 1, "counted as without a place")
        assert client.published == []
        assert "outside the workspace" in client.status["broken"]["detail"]
