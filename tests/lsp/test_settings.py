"""Settings of the editor: at the start, for each folder, on change; whatever makes no sense is said once in the log."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.settings import EditorSettings
from tests.lsp.editors import able, editor, without
from tests.lsp.shop import Shop


async def nothing(params: types.ConfigurationParams) -> object:
    return [None] * len(params.items)


def made(said: list[str], options: object = None) -> EditorSettings:
    settings = EditorSettings(said.append)
    settings.start(options)
    return settings


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "options",
    [
        {"trafficLens": True},
        {"traffic_lens": True},
        {"flux.trafficLens": True},
        {"flux": {"trafficLens": True}},
        {"trafficLens": True, "retentionDays": "a week", "colour": "red", "trace": {"server": "off"}},
    ],
)
async def test_options_of_the_start(options: object) -> None:
    settings = made([], options)
    await settings.load([])
    assert settings.general.traffic_lens is True
    assert settings.general.retention_days == 7


@pytest.mark.asyncio
@pytest.mark.parametrize("options", [None, {}, [], 7, "text", {"flux": None}, {"flux": [1]}, {"flux": {"store": 7}}])
async def test_options_that_make_no_sense_leave_the_defaults(options: object) -> None:
    said: list[str] = []
    settings = made(said, options)
    await settings.load([])
    assert settings.general.show_handled is True
    assert len(said) == (0 if options in (None, {}, {"flux": None}) else 1), said


@pytest.mark.asyncio
async def test_what_is_wrong_is_said_once() -> None:
    said: list[str] = []
    settings = made(said, {"retentionDays": -1, "trafikLens": True})
    for _ in range(3):
        await settings.load([])
    assert len(said) == 2
    assert any("retention_days" in text and "-1" in text for text in said)
    assert any("trafikLens" in text and "traffic_lens" in text for text in said)


@pytest.mark.asyncio
async def test_each_folder_has_its_own(tmp_path: Path) -> None:
    outer, inner = tmp_path / "a", tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text('[tool.flux]\nshow_handled = false\npath_map = ["/srv=src"]\n')
    folders = [path_to_uri(str(outer)), path_to_uri(str(inner))]

    async def ask(params: types.ConfigurationParams) -> object:
        assert [(item.scope_uri, item.section) for item in params.items] == [
            (scope, "flux") for scope in (None, *folders)
        ]
        return [{"trafficLens": False}, {"trafficLens": True}, None]

    settings = made([])
    await settings.pull(ask, folders)
    assert await settings.load(folders) is True
    assert await settings.load(folders) is False
    assert settings.of(folders[0] + "/x.py").traffic_lens is True
    assert settings.of(folders[1] + "/x.py").traffic_lens is False
    assert settings.of(folders[1] + "/x.py").show_handled is False
    assert settings.of(folders[1] + "/x.py").path_map == (f"/srv={inner / 'src'}",)
    assert settings.of("file:///elsewhere/x.py") == settings.general
    assert settings.of("untitled:Untitled-1") == settings.general


@pytest.mark.asyncio
async def test_each_project_in_a_folder_has_what_is_nearest(tmp_path: Path) -> None:
    def write(folder: str, table: str) -> Path:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(f"[tool.flux]\n{table}\n")
        return tmp_path / folder / "pyproject.toml"

    write(".", "hints_per_file = 3\nshow_handled = false\npath_map = ['/root=.']")
    shop = write("services/shop", "hints_per_file = 7\npath_map = ['/srv=.']")
    write("services/shop/inner", "traffic_lens = true\nstore = 'own.db'\ncolour = 'red'")
    said: list[str] = []
    settings = made(said, {"inlayHints": True})
    folder = path_to_uri(str(tmp_path))
    await settings.load([folder])

    def of(path: str) -> tuple[int, bool, bool, bool]:
        found = settings.of(path_to_uri(str(tmp_path / path)))
        return found.hints_per_file, found.show_handled, found.traffic_lens, found.inlay_hints

    assert of("app.py") == of("services/gate/app.py") == (3, False, False, True)
    assert of("services/shop/app.py") == of("services/shop/deep/app.py") == (7, True, False, True)
    assert of("services/shop/inner/app.py") == (50, True, True, True)
    assert of("services/shopping/app.py") == (3, False, False, True)
    origin = settings.loaded_of(path_to_uri(str(tmp_path / "services/shop/app.py"))).origin
    assert (origin["hints_per_file"], origin["inlay_hints"]) == (f"pyproject.toml ({shop})", "editor")
    assert [Path(path).name for path, _ in settings.nearest_first] == ["inner", "shop", tmp_path.name]
    assert [each.folder.name for each in settings.below] == ["shop", "inner"]
    # The store is one for all: what a project says of it is not followed, and told by the doctor.
    assert settings.general.store != tmp_path / "services/shop/inner/own.db"
    assert [each.unheard for each in settings.below] == [(), ("store",)]
    assert len(said) == 1
    assert "colour" in said[0]


@pytest.mark.asyncio
async def test_a_project_and_the_folder_around_it_may_both_be_open(tmp_path: Path) -> None:
    inner = tmp_path / "services" / "shop"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.flux]\nhints_per_file = 7\n")
    folders = [path_to_uri(str(tmp_path)), path_to_uri(str(inner))]

    async def ask(params: types.ConfigurationParams) -> object:
        return [None, {"trafficLens": False}, {"trafficLens": True}]

    settings = made([])
    await settings.pull(ask, folders)
    await settings.load(folders)
    found = settings.of(folders[1] + "/x.py")
    assert (found.hints_per_file, found.traffic_lens) == (7, True)
    assert settings.below == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [None, 7, [], [None, None, None], "text"])
async def test_answers_that_make_no_sense_keep_what_was(answer: Any) -> None:
    said: list[str] = []
    settings = made(said, {"trafficLens": True})

    async def ask(params: types.ConfigurationParams) -> object:
        return answer

    await settings.pull(ask, ["file:///project"])
    await settings.load(["file:///project"])
    assert settings.general.traffic_lens is True
    assert len(said) == 1


@pytest.mark.asyncio
async def test_a_client_that_refuses_to_tell() -> None:
    said: list[str] = []
    settings = made(said)

    async def ask(params: types.ConfigurationParams) -> object:
        raise RuntimeError("not today")

    await settings.pull(ask, [])
    await settings.load([])
    assert settings.general.traffic_lens is False
    assert said == ["the editor did not tell its settings, so those of the start stay: not today"]


@pytest.mark.asyncio
async def test_a_client_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flux_ls.lsp.settings.ANSWER_TIMEOUT_S", 0.01)
    said: list[str] = []
    settings = made(said, {"trafficLens": True})

    async def ask(params: types.ConfigurationParams) -> object:
        return await asyncio.Event().wait()

    await settings.pull(ask, [])
    await settings.load([])
    assert settings.general.traffic_lens is True
    assert said == ["the editor did not tell its settings, so those of the start stay: no answer"]


@pytest.mark.asyncio
async def test_the_store_can_be_changed_while_running(shop: Shop, tmp_path: Path) -> None:
    other = Shop.make(tmp_path / "other")
    shop.fail()
    other.fail(shop.timeout())
    other.fail(shop.timeout())
    async with editor(shop.root, store=tmp_path / "unused.db", configuration={"store": str(shop.store)}) as client:
        await client.until(lambda: client.diagnostics(shop.payments), "the first store")
        client.client.set_configuration({"store": str(other.store)}, section="flux")
        client.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await client.until(
            lambda: any(" · 2 failures · " in each.message for each in client.diagnostics(shop.payments)),
            "the second store",
        )
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_a_client_that_cannot_be_asked_sends_its_settings(shop: Shop) -> None:
    shop.fail()
    async with editor(
        shop.root, store=shop.store, capabilities=without("workspace", "configuration"), options={"showHandled": True}
    ) as client:
        shop.handle()
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "both")
        params = types.DidChangeConfigurationParams({"flux": {"showHandled": False}})
        client.client.workspace_did_change_configuration(params)
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 1, "the handled one hidden")


@pytest.mark.asyncio
async def test_nonsense_from_the_editor_is_one_line_in_its_log(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store, configuration={"retentionDays": "often"}) as client:
        await client.command("status")
        client.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await client.command("status")
        await client.command("status")
        about = [message.message for message in client.client.log_messages if "retention_days" in message.message]
        assert len(about) == 1
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_a_file_of_a_project_that_is_saved_counts_at_once(shop: Shop) -> None:
    """`shop` is a project of its own in the folder that is open."""
    shop.fail()
    shop.handle()

    def able_to_watch(capabilities: types.ClientCapabilities) -> None:
        able(
            capabilities,
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
        )

    async with editor(shop.root, store=shop.store, capabilities=able_to_watch) as client:
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "both")
        await client.until(lambda: client.registered, "what it wants to be told of")
        asked = [each for params in client.registered for each in params.registrations]
        [watched] = [each for each in asked if each.method == types.WORKSPACE_DID_CHANGE_WATCHED_FILES]
        assert "**/pyproject.toml" in str(watched.register_options)

        def saved(text: str) -> None:
            file = shop.root / "shop" / "pyproject.toml"
            file.write_text(text)
            event = types.FileEvent(file.as_uri(), types.FileChangeType.Changed)
            client.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))

        saved("[tool.flux]\nshow_handled = false\n")
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 1, "the handled one hidden")
        saved("[tool.flux]\n")
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "both again")
