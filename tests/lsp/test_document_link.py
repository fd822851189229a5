"""Places on pages lead to the lines, and nothing else that a trace could have put there."""

from pathlib import Path

import pytest
from lsprotocol import types

from flux_ls.lsp.document_link import links
from tests.lsp.editors import PROFILES, able, editor
from tests.lsp.shop import Shop
from tests.telemetry import Raises, http

PAGE = """# Why

é🙂 `shop/app.py:12` in `f`, then `shop/app.py:1` and `no/such.py:3`
1. `shop/app.py:7` (moved, recorded at `/srv/shop/app.py:9`)
`shop/app.py` `shop/app.py:` `shop/app.py:0` `shop/app.py:12345678` `:3` shop/app.py:4
`` `shop/app.py:5` `` ```shop/app.py:5```
````text
`shop/app.py:5`
```
`shop/app.py:6`
````
`shop/app.py:8`
"""


@pytest.mark.parametrize(("encoding", "start"), [("utf-8", 8), ("utf-16", 5), ("utf-32", 4)])
def test_places_in_code_of_files_that_are_there(encoding: str, start: int) -> None:
    asked: list[str] = []

    def file_of(path: str) -> Path | None:
        asked.append(path)
        return Path("/work/my shop/app.py") if path == "shop/app.py" else None

    found = links(PAGE, file_of, encoding)  # type: ignore[arg-type]
    assert [(each.range.start.line, each.target) for each in found] == [
        (2, "file:///work/my%20shop/app.py#L12"),
        (2, "file:///work/my%20shop/app.py#L1"),
        (3, "file:///work/my%20shop/app.py#L7"),
        (11, "file:///work/my%20shop/app.py#L8"),
    ]
    assert found[0].range == types.Range(types.Position(2, start), types.Position(2, start + len("shop/app.py:12")))
    assert len(asked) == len(set(asked)), "each is looked for once"


@pytest.mark.asyncio
@pytest.mark.parametrize("profile", PROFILES)
async def test_of_a_page_that_is_open_and_of_one_that_is_not(shop: Shop, profile: str, tmp_path: Path) -> None:
    """A trace spells the rest: a file outside, a link that leads there, a command."""
    (tmp_path / "secret.py").write_text("x = 1\n")
    (shop.root / "link.py").symlink_to(tmp_path / "secret.py")
    hostile = "`link.py:1` `../secret.py:1` `/etc/passwd:1` [x](command:y) `command:x:1` `shop/signup.py:2`"
    frame = shop.frame(shop.payments, "raise Timeout", "send")
    id = shop.send(http("GET", f"/{hostile}", 500, raises=Raises(hostile, hostile, (frame,))))

    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    async with editor(shop.root, store=shop.store, profile=profile, capabilities=content) as client:
        uri = f"flux://request/{id}/why"
        page = (await client.command("why", {"id": id}))["text"]

        async def told() -> list[str]:
            answer = await client.request(
                "textDocument/documentLink", types.DocumentLinkParams(types.TextDocumentIdentifier(uri))
            )
            return [each["target"] for each in answer]

        targets = await told()
        line = shop.payments.read_text().split("\n")
        fault = next(number for number, text in enumerate(line, start=1) if "raise Timeout" in text)
        assert f"{shop.payments.as_uri()}#L{fault}" in targets
        files = {target.partition("#")[0] for target in targets}
        assert files <= {shop.payments.as_uri(), shop.signup.as_uri()}, "whatever the trace says"
        client.open(shop.payments, f"`shop/payments.py:3`\n{page}", uri=uri, language="markdown")
        assert await told() == [f"{shop.payments.as_uri()}#L3", *targets]
        source = client.open(shop.payments)
        assert (
            await client.request(
                "textDocument/documentLink", types.DocumentLinkParams(types.TextDocumentIdentifier(source))
            )
            == []
        )
