"""CONTRIBUTING's tables of protocol extensions say what the server speaks, no more and no less."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields as struct_fields

from flux_ls.lsp import commands, diagnostics, extensions, questions, reference
from flux_ls.lsp.addresses import forms, question_of
from flux_ls.lsp.server import make_server
from tests.lsp.editors import editor, plain
from tests.lsp.shop import Shop

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_page_is_what_the_tables_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "<!-- reference:extensions -->" in text
    assert reference.renewed(text) == text, "run `python -m flux_ls.lsp.reference CONTRIBUTING.md`"


def test_the_tables_are_what_the_server_dispatches() -> None:
    features = make_server().protocol.fm
    asked = {each.method for each in extensions.MESSAGES if each.sender == "client"}
    assert {method for method in features.features if method.startswith("flux/")} == asked == set(reference.PARAMETERS)
    assert {(each.method, each.sender) for each in extensions.MESSAGES} == set(reference.CARRIES)
    assert set(features.commands) == {command.id for command in commands.COMMANDS}
    names = {command.name for command in commands.COMMANDS}
    assert names <= set(questions._QUESTIONS)
    assert set(reference.RESULTS) == names


def test_no_other_message_is_sent() -> None:
    sent = {each.method for each in extensions.MESSAGES}
    for file in Path(reference.__file__).parent.glob("*.py"):
        named = set(re.findall(r'"(flux/\w+)"', file.read_text(encoding="utf-8")))
        assert named <= sent if file.name == "extensions.py" else not named, f"{file.name}: {named}"


def test_every_document_has_a_question() -> None:
    for address, name in forms():
        question = question_of(address)
        assert question is not None, address
        assert question[0] == name
        command = next(each for each in commands.COMMANDS if each.name == name)
        commands.read_parameters(command, [question[1]])


@pytest.mark.asyncio
async def test_answers_carry_what_the_page_says(shop: Shop) -> None:
    other, request = shop.succeed(), shop.fail_recorded()
    shop.commit()
    (shop.root / "note").write_text("broken")
    shop.commit()
    (shop.root / "web.py").write_text("import flask\napp = flask.Flask(__name__)\n")
    async with editor(shop.root, store=shop.store, options={"workspaceTrusted": True}) as client:
        await client.until(lambda: client.diagnostics(shop.payments), "a diagnostic")
        data = plain(client.diagnostics(shop.payments)[0].data)
        assert set(data) == set(diagnostics.DATA)
        for method, given in (
            (extensions.SUBSCRIBE_TAIL, {"last": 1}),
            (extensions.UNSUBSCRIBE_TAIL, {}),
            (extensions.SUBSCRIBE_ERRORS, {}),
            (extensions.UNSUBSCRIBE_ERRORS, {}),
        ):
            answer = await client.request(method, given)
            assert tuple(answer) == reference.CARRIES[method, "client"]
            if given:
                await client.until(lambda: client.tailed, "the tail")
                assert tuple(plain(client.tailed[0])) == reference.CARRIES[extensions.TAIL, "server"]
        assert tuple(await client.request(extensions.STATUS)) == reference.CARRIES[extensions.STATUS, "client"]
        assert tuple(client.status) == reference.CARRIES[extensions.STATUS, "server"]
        required: dict[type, dict[str, Any]] = {
            commands.WhichRequest: {"id": request},
            commands.WhatToAsk: {"id": request},
            commands.WhichReplays: {"id": request},
            commands.WhatToBisect: {"run": "! grep -q broken note", "good": "HEAD~1"},
            commands.TwoRequests: {"id": request, "other": other},
            commands.WhichRow: {"table": "users", "id": "42"},
            commands.WhichRows: {"table": "users"},
            commands.Group: {"fingerprint": data["fingerprint"]},
            commands.RequestsOf: {"fingerprint": data["fingerprint"]},
        }
        for command in commands.COMMANDS:
            answer = await client.command(command.name, required.get(command.parameters, {}))
            fields = {field.encode_name for field in struct_fields(reference.RESULTS[command.name])}
            assert set(answer) == fields | {"text", "uri"}, command.id
