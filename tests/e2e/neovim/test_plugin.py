"""The plugin by itself: what it loads, completes, accepts and documents, without any server."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flux_ls.cli.options import ROOT_MARKS, project_root
from tests.e2e.launch import clean_environment
from tests.e2e.neovim.driver import INIT, PLUGIN, Neovim

COMMANDS = [
    "tail",
    "why",
    "trace",
    "debug",
    "diff",
    "replay",
    "bisect",
    "history",
    "blame",
    "errors",
    "explain",
    "test",
    "run",
    "doctor",
    "dismiss",
    "restore",
    "trust",
    "restart",
]
HELP = (PLUGIN / "doc" / "flux.txt").read_text()
README = (PLUGIN / "README.md").read_text()


@pytest.fixture(scope="module")
def nvim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neovim]:
    """An editor that finds no server."""
    folder = tmp_path_factory.mktemp("work")
    settings = {"cmd": ["no-such-flux-ls"]}
    with Neovim(folder, env=clean_environment() | {"XDG_STATE_HOME": str(folder)}, settings=settings) as running:
        yield running


def test_start_defines_the_command_and_loads_no_more_than_names(tmp_path: Path) -> None:
    environment = clean_environment() | {"XDG_STATE_HOME": str(tmp_path)}
    with Neovim(tmp_path, env=environment) as nvim:
        loaded = nvim.lua(
            "return vim.tbl_filter(function(name) return name:find('^flux') end, vim.tbl_keys(package.loaded))"
        )
        # Neovim 0.12 reads the server's configuration when it is enabled, to tell of errors in it.
        configuration = ["flux.commands", "flux.config", "flux.lenses", "flux.notice"]
        reads = nvim.lua("return vim.fn.has('nvim-0.12') == 1")
        assert sorted(loaded) == sorted(["flux.names", *(configuration if reads else [])])
        assert nvim.lua("return vim.fn.exists(':Flux')") == 2
        assert nvim.lua("return vim.lsp.is_enabled('flux')") is True
        assert nvim.messages() == ""


def test_disabled_it_leaves_the_server_alone(tmp_path: Path) -> None:
    environment = clean_environment() | {"XDG_STATE_HOME": str(tmp_path)}
    with Neovim(tmp_path, env=environment, settings={"enable": False}) as nvim:
        assert nvim.lua("return vim.lsp.is_enabled('flux')") is False
        assert nvim.lua("return vim.fn.exists(':Flux')") == 2


def test_works_as_a_package(tmp_path: Path) -> None:
    shutil.copytree(PLUGIN, tmp_path / "pack/flux/opt/flux.nvim", ignore=shutil.ignore_patterns("node_modules"))
    init = tmp_path / "init.lua"
    init.write_text(f"vim.opt.packpath:prepend([[{tmp_path}]])\nvim.cmd.packadd('flux.nvim')\n")
    environment = clean_environment() | {"XDG_STATE_HOME": str(tmp_path)}
    with Neovim(tmp_path, env=environment, init=init) as nvim:
        assert nvim.lua("return vim.fn.exists(':Flux')") == 2
        assert nvim.lua("return vim.lsp.config.flux.cmd") == ["flux-ls"]
        assert nvim.messages() == ""


def test_setup_is_one_way_to_configure(tmp_path: Path) -> None:
    init = tmp_path / "init.lua"
    init.write_text(
        f"{INIT.read_text()}\nvim.cmd.runtime('plugin/flux.lua')\n"
        "assert(vim.lsp.config.flux.cmd[1] == 'flux-ls')\n"
        "require('flux').setup({ cmd = { 'other-ls' }, tail = { limit = 5 } })\n"
    )
    environment = clean_environment() | {"XDG_STATE_HOME": str(tmp_path)}
    with Neovim(tmp_path, env=environment, init=init, settings={"tail": {"height": 3}}) as nvim:
        assert nvim.lua("return vim.lsp.config.flux.cmd") == ["other-ls"]
        assert nvim.lua("return require('flux.config').get().tail") == {"height": 3, "limit": 5}
        assert nvim.messages() == ""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Flux ", COMMANDS),
        ("Flux t", ["tail", "trace", "test", "trust"]),
        ("Flux r", ["replay", "run", "restore", "restart"]),
        ("Flux re", ["replay", "restore", "restart"]),
        ("Flux tail ", ["--errors-only", "--fn", "--service", "--since", "--slow"]),
        ("Flux tail --s", ["--service", "--since", "--slow"]),
        ("Flux tail --errors-only --f", ["--fn"]),
        ("Flux tail --since ", ["5m", "30m", "2h", "1d"]),
        ("Flux tail --fn ", []),
        ("Flux errors ", ["--all", "--since"]),
        ("Flux d", ["debug", "diff", "doctor", "dismiss"]),
        ("Flux diff --", ["--all"]),
        ("Flux replay --", ["--latest", "--window"]),
        ("Flux bisect --", ["--bad", "--first-parent", "--fresh", "--good", "--jobs", "--run", "--timeout"]),
        ("Flux explain --", ["--send"]),
        ("Flux run readlin", ["readlink"]),
        ("Flux run python3 /etc/hostna", ["/etc/hostname"]),
        ("Flux diff 550e 1234 ", []),
        ("Flux history users 42 ", []),
        ("Flux nonsense ", []),
        ("botright Flux wh", ["why"]),
    ],
)
def test_completes(nvim: Neovim, typed: str, expected: list[str]) -> None:
    assert nvim.lua("return vim.fn.getcompletion(..., 'cmdline')", typed) == expected


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Flux nonsense", "there is no :Flux nonsense. There is: tail, why, trace,"),
        ("Flux tail --loud", ":Flux tail: there is no option --loud"),
        ("Flux tail --fn", ":Flux tail: --fn needs a function"),
        ("Flux tail --slow fast", "--slow takes milliseconds, not fast"),
        ("Flux tail 550e", ":Flux tail: it takes no 550e"),
        ("Flux diff 550e 1234 abcd", ":Flux diff: it takes no abcd"),
        ("Flux debug 550e 1234", ":Flux debug: it takes no 1234"),
        ("Flux explain 550e 1234", ":Flux explain: it takes no 1234"),
        ("Flux test --send", ":Flux test: there is no option --send"),
        ("Flux bisect --run 'make test", ":Flux bisect: the quote of 'make test is not closed"),
        ("Flux debug", "no-such-flux-ls is not executable"),
        ("Flux history users 42", "no-such-flux-ls is not executable"),
        ("Flux blame", "no-such-flux-ls is not executable"),
        ("Flux why 550e", "no-such-flux-ls is not executable. Install it with `pip install flux-ls`"),
        ("Flux why", "nothing failed in this buffer"),
        ("Flux restore", "which one?"),
        ("Flux errors", "no-such-flux-ls is not executable"),
    ],
)
def test_says_what_is_wrong(nvim: Neovim, typed: str, said: str) -> None:
    nvim.command("messages clear")
    nvim.command(typed)
    nvim.eventually("return #vim.api.nvim_exec2('messages', { output = true }).output > 0")
    assert said in nvim.messages()
    assert "stack traceback" not in nvim.messages()


def test_run_without_the_program_says_so(nvim: Neovim) -> None:
    nvim.lua("_G.before = vim.env.PATH vim.env.PATH = '/nowhere'")
    nvim.command("Flux run true")
    nvim.eventually("return vim.api.nvim_exec2('messages', { output = true }).output:find('no flux beside') ~= nil")
    nvim.lua("vim.env.PATH = _G.before vim.cmd.messages('clear')")
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 1


def test_tail_without_a_server_says_so_in_its_window(nvim: Neovim) -> None:
    nvim.command("Flux tail")
    nvim.eventually("return vim.wo.winbar:find('disconnected') ~= nil")
    shown = nvim.lua(
        "local marks = vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true }) "
        "return marks[1][4].virt_text[1][1]"
    )
    assert "no-such-flux-ls is not executable" in shown
    nvim.keys("q")
    assert nvim.lua("return vim.bo.filetype") == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"ids": [], "options": {}}),
        (["550e", "4f9a"], {"ids": ["550e", "4f9a"], "options": {}}),
        (["--fn", "pay", "550e"], {"ids": ["550e"], "options": {"fn": "pay"}}),
        (["--fn=pay", "--errors-only"], {"ids": [], "options": {"fn": "pay", "errors-only": True}}),
        (["--fn="], "--fn needs a name"),
        (["--nope"], "there is no option --nope"),
    ],
)
def test_parses_arguments(nvim: Neovim, words: list[str], expected: Any) -> None:
    parsed = nvim.lua(
        "local arguments, problem = require('flux.commands').parse(..., "
        "{ fn = { value = 'a name' }, ['errors-only'] = {} }) return arguments or problem",
        words,
    )
    # Lua has one kind of empty table.
    if isinstance(parsed, dict):
        parsed["options"] = parsed["options"] or {}
    assert parsed == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("why 550e", ["why", "550e"]),
        (r"bisect --run make\ test", ["bisect", "--run", "make test"]),
        ("bisect --run 'make  test' 550e", ["bisect", "--run", "make  test", "550e"]),
        (r"""bisect --run='sh -c \"exit 1\"'""", ["bisect", '--run=sh -c "exit 1"']),
        (r"bisect --good v1\ 2 --run='make \| tee'", ["bisect", "--good", "v1 2", "--run=make | tee"]),
        ("history people O'Brien", ["history", "people", "O'Brien"]),
        ("tail --fn ''", ["tail", "--fn", ""]),
        ("bisect --run 'make test", "the quote of 'make test is not closed"),
        ("bisect --run 'make'test", "the quote of 'make'test is not closed"),
    ],
)
def test_single_quotes_make_one_word(nvim: Neovim, typed: str, expected: list[str] | str) -> None:
    nvim.lua("vim.api.nvim_create_user_command('Words', function(i) _G.invoked = i end, { nargs = '*', bar = true })")
    nvim.lua("vim.cmd('Words ' .. ...)", typed)
    words = "local words, problem = require('flux.commands').words(_G.invoked) return words or problem"
    assert nvim.lua(words) == expected


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, []),
        ({"hints": {"virtual_text": False}, "settings": {"store": "/x"}, "view": "float"}, []),
        ({"colour": 1}, ["vim.g.flux.colour is not a setting"]),
        ({"tail": {"hight": 3}}, ["vim.g.flux.tail.hight is not a setting"]),
        ({"tail": 3}, ["vim.g.flux.tail is 3; it takes a table"]),
        ({"tail": {"limit": 0}}, ["vim.g.flux.tail.limit is 0; it takes a whole number of requests"]),
        ({"cmd": "flux-ls"}, ["vim.g.flux.cmd is \"flux-ls\"; it takes a list of strings such as { 'flux-ls' }"]),
        ({"view": "window"}, ["vim.g.flux.view is \"window\"; it takes one of 'split', 'vsplit', 'float', 'tab'"]),
        (
            {"enable": "yes", "lenses": 1},
            ['vim.g.flux.enable is "yes"; it takes true or false', "vim.g.flux.lenses is 1; it takes true or false"],
        ),
        ("all", ['vim.g.flux is "all"; it takes a table']),
    ],
)
def test_settings_are_checked_key_by_key(nvim: Neovim, given: Any, problems: list[str]) -> None:
    found = nvim.lua(
        "local before = vim.g.flux vim.g.flux = ... "
        "local config, problems = require('flux.config').read() vim.g.flux = before return { config, problems }",
        given,
    )
    assert found[1] == problems
    names = {"enable", "cmd", "settings", "hints", "lenses", "view", "tail", "trusted", "default_mappings"}
    assert set(found[0]) == names
    if problems:
        assert found[0]["tail"] == {"height": 12, "limit": 2000}


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0.2, "0.2ms"), (44, "44ms"), (9999.4, "9999ms"), (12340, "12.3s"), (125000, "2m05s"), (7_260_000, "2h01m")],
)
def test_latency(nvim: Neovim, ms: float, expected: str) -> None:
    assert nvim.lua("return require('flux.phrases').latency(...)", ms) == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2024-02-29T12:00:00.000000+00:00", 1709208000),
        ("2024-02-29T14:00:00+02:00", 1709208000),
        ("1969-12-31T23:59:59Z", -1),
        ("2000-03-01T00:00:00Z", 951868800),
    ],
)
def test_epoch(nvim: Neovim, timestamp: str, expected: int) -> None:
    assert nvim.lua("return require('flux.phrases').epoch(...)", timestamp) == expected


def test_ago(nvim: Neovim) -> None:
    now = 1709208000
    cases = {3: "just now", 59: "59 s ago", 60: "1 min ago", 7300: "2 h ago", 90000: "1 day ago", 900000: "10 days ago"}
    for seconds, expected in cases.items():
        at = nvim.lua("return os.date('!%Y-%m-%dT%H:%M:%SZ', ...)", now - seconds)
        assert nvim.lua("return require('flux.phrases').ago(...)", at, now) == expected


SOURCE = """class Shop:
    def first(self):
        a = 1

        if a:
            b = 2
    def second(self):
        c = 3

def third(): return 4
"""


@pytest.mark.parametrize(
    ("line", "blocks"),
    [
        (6, [[6, 6], [5, 6], [2, 6], [1, 8]]),
        (4, [[3, 3], [2, 6], [1, 8]]),
        (2, [[2, 6], [1, 8]]),
        (8, [[8, 8], [7, 8], [1, 8]]),
        (10, [[10, 10]]),
    ],
)
def test_blocks_around_a_line(nvim: Neovim, line: int, blocks: list[list[int]]) -> None:
    assert nvim.lua("return require('flux.finding').blocks(...)", SOURCE.splitlines(), line) == blocks


def test_null_never_reaches_the_views(nvim: Neovim) -> None:
    cleaned = nvim.lua(
        "return require('flux.client').without_null({ a = vim.NIL, b = { c = vim.NIL, d = { vim.NIL, 1 } }, e = 2 })"
    )
    assert cleaned == {"b": {"d": [1]}, "e": 2}


@pytest.mark.parametrize(
    "frame",
    [
        {"path": INIT.name, "anchor": "gone"},
        {"path": INIT.name, "anchor": "unmapped"},
        {"path": "no-such-file.py", "anchor": "exact"},
    ],
)
def test_a_frame_without_a_file_has_no_place(nvim: Neovim, frame: dict[str, Any]) -> None:
    roots = [str(INIT.parent)]
    assert nvim.lua("return require('flux.location').file(...)", {"path": INIT.name, "anchor": "exact"}, roots)
    assert nvim.lua("return require('flux.location').file(...)", frame, roots) is None


def test_the_root_of_a_monorepo_is_that_of_the_terminal(nvim: Neovim, tmp_path: Path) -> None:
    def root(file: Path) -> Path:
        return Path(nvim.lua("return vim.fs.root(..., vim.lsp.config.flux.root_markers)", str(file)))

    service = tmp_path / "repository/services/a"
    (service / "src").mkdir(parents=True)
    for mark, expected in (
        (service / "pyproject.toml", service),
        (tmp_path / "repository/package.json", service),
        (service / "src/go.mod", service),
        (tmp_path / "repository/.git", tmp_path / "repository"),
    ):
        mark.touch()
        assert root(service / "src/app.py") == project_root(service / "src") == expected
    assert tuple(nvim.lua("return vim.lsp.config.flux.root_markers")) == ROOT_MARKS


def test_health_names_a_missing_server_and_its_mend(nvim: Neovim) -> None:
    nvim.command("checkhealth flux")
    nvim.eventually("return vim.bo.filetype == 'checkhealth' and vim.fn.search('flux: ', 'nw') > 0")
    text = "\n".join(nvim.lines())
    assert "ERROR no-such-flux-ls is not executable" in text
    assert "pip install flux-ls" in text
    nvim.command("bwipeout!")


def test_health_warns_of_unknown_settings(nvim: Neovim) -> None:
    nvim.lua("vim.g.flux = { cmd = { 'no-such-flux-ls' }, colour = 'blue' }")
    nvim.command("checkhealth flux")
    nvim.eventually("return vim.bo.filetype == 'checkhealth' and vim.fn.search('colour', 'nw') > 0")
    assert "WARNING vim.g.flux.colour is not a setting" in "\n".join(nvim.lines())
    nvim.command("bwipeout!")
    nvim.lua("vim.g.flux = { cmd = { 'no-such-flux-ls' } }")


def test_help_has_a_tag_for_everything(nvim: Neovim, tmp_path: Path) -> None:
    docs = shutil.copytree(PLUGIN / "doc", tmp_path / "doc")
    nvim.lua("vim.opt.runtimepath:prepend((...)) vim.cmd.helptags((...) .. '/doc')", str(tmp_path))
    tags = {line.split("\t")[0] for line in (docs / "tags").read_text().splitlines()}
    groups = set(re.findall(r"^  (Flux\w+) = '", (PLUGIN / "lua/flux/highlights.lua").read_text(), re.M))
    plugs = {
        name
        for name in nvim.lua("return vim.tbl_map(function(m) return m.lhs end, vim.api.nvim_get_keymap('n'))")
        if "(flux-" in name
    }
    sources = "\n".join(path.read_text() for path in (PLUGIN / "lua").rglob("*.lua"))
    local_plugs = {f"<Plug>(flux-{name})" for name in re.findall(r"plug = '([\w-]+)'", sources)}
    assert len(groups) > 10
    assert plugs == {f"<Plug>(flux-{name})" for name in COMMANDS}
    assert tags >= {":Flux", "g:flux", "flux-settings", "flux-health", "flux.setup()"}
    assert tags >= {f":Flux-{name}" for name in COMMANDS}
    assert tags >= {f"hl-{group}" for group in groups}
    assert tags >= plugs | local_plugs
    nvim.command("help :Flux-why")
    nvim.eventually("return vim.bo.filetype == 'help'")
    assert nvim.lua("return vim.api.nvim_get_current_line()").endswith("*:Flux-why*")
    nvim.command("helpclose")


def test_help_and_readme_describe_every_option_and_setting(nvim: Neovim) -> None:
    for name in COMMANDS:
        assert f"`:Flux {name}" in README
        options = nvim.lua("return vim.tbl_keys(require('flux.commands.' .. ...).options or {})", name)
        for option in options:
            assert f"--{option}" in HELP
            assert f"--{option}" in README
    defaults = nvim.lua(
        "local before = vim.g.flux vim.g.flux = nil "
        "local all = require('flux.config').get() vim.g.flux = before return all"
    )
    for text in (HELP, README):
        shown = re.search(r"vim\.g\.flux = (\{.*?\n *\})\n", text, re.S)
        assert shown is not None
        documented = nvim.lua("return loadstring('return ' .. ...)()", shown[1])
        assert documented | {"settings": {}} == defaults
