"""How many runs a bisect takes on real histories, against git: `python -m tests.bench.bisect_runs FOLDER [CASE...]`.

FOLDER holds clones of the projects. Each case is a test of a release that passes there and fails in a later release, or
a few lines that do: what a user has whose suite broke with an upgrade. A verdict is made once for each commit, and all
three searches get the same ones: plain `git bisect`, `git bisect` limited to the files that the failing run executed,
and Flux. Flux runs the ends as well, and its deciding runs twice, which git does not: both are counted by themselves.
"""

import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from io import BytesIO
from math import fsum
from pathlib import Path

from msgspec import Struct

from flux_ls.bisect.bisection import Asked, bisect
from flux_ls.bisect.oracles import CommandOracle, Said
from flux_ls.bisect.shapes import NothingToFind
from flux_ls.git.checkouts import Checkouts
from flux_ls.git.repository import Repository


class Case(Struct, frozen=True):
    repository: str
    good: str
    bad: str
    script: str = ""
    test: str = ""
    """Of the good release's own tests, instead of a script."""


def _translated(sql: str, read: str, write: str, to: str) -> str:
    return f"import sqlglot\nassert sqlglot.transpile({sql!r}, read={read!r}, write={write!r})[0] == {to!r}\n"


_ALCHEMY = ("sqlalchemy", "rel_1_4_0", "rel_2_0_0")
_CLICK = ("click", "8.0.1", "8.2.0")
_JINJA = ("jinja", "3.0.0", "3.1.6")
_MARKDOWN = ("markdown", "3.3", "3.6")
_MARSHMALLOW = ("marshmallow", "3.10.0", "3.23.0")
_RICH = ("rich", "v12.0.0", "v13.8.0")
_GLOT = ("sqlglot", "v16.0.0", "v25.0.0")

FITTED = (
    Case(*_ALCHEMY, "from sqlalchemy import create_engine\ncreate_engine('sqlite://').execute('select 1')\n"),
    Case(*_ALCHEMY, "from sqlalchemy import column, select\nselect([column('a')])\n"),
    Case(*_ALCHEMY, "from sqlalchemy import MetaData\nassert MetaData(bind=None).bind is None\n"),
    Case(*_ALCHEMY, "from sqlalchemy.util import compat\nassert compat.string_types\n"),
    Case("requests", "v2.28.0", "v2.32.3", "from requests.utils import super_len\nassert super_len('\\u00e9') == 1\n"),
    Case(*_CLICK, test="tests/test_utils.py::test_filename_formatting"),
    Case(*_CLICK, "import click\nassert click.format_filename(b'foo\\xff.txt') == 'foo\\udcff.txt'\n"),
    Case(*_CLICK, "import click\nclick.get_terminal_size\n"),
    Case(*_CLICK, "from click.testing import CliRunner\nCliRunner(mix_stderr=False)\n"),
    Case(
        *_CLICK,
        "import click\nfrom click.testing import CliRunner\n"
        "assert CliRunner().invoke(click.Group('cli'), []).exit_code == 0\n",
    ),
    Case(
        *_CLICK,
        "import click\noption = click.Option(['-n'], default=(1,), multiple=True, type=str)\n"
        "assert option.get_default(click.Context(click.Command('c'))) == ('1',)\n",
    ),
    Case("click", "8.0.1", "8.1.8", test="tests/test_formatting.py::test_global_show_default"),
    Case(*_JINJA, "from jinja2 import Markup\n"),
    Case(*_JINJA, "import jinja2.ext\njinja2.ext.AutoEscapeExtension\n"),
    Case(
        *_JINJA,
        "from jinja2 import Environment\n"
        "assert Environment().from_string('{{ {\"a b\": 1}|xmlattr }}').render() == ' a b=\"1\"'\n",
    ),
    Case(*_JINJA, "from jinja2 import evalcontextfilter\n"),
    Case(*_RICH, "from rich._lru_cache import LRUCache\n"),
    Case(*_RICH, "from rich.text import Text\ntext = Text('a\\tb')\ntext.expand_tabs()\nassert text.tab_size == 8\n"),
    Case("flask", "2.3.0", "3.1.1", "import flask\nassert flask._request_ctx_stack is not None\n"),
    Case(*_GLOT, _translated("SELECT CAST(x AS TIMESTAMP)", "bigquery", "snowflake", "SELECT CAST(x AS TIMESTAMPNTZ)")),
    Case(
        *_GLOT,
        _translated("SELECT TO_TIMESTAMP(x)", "snowflake", "duckdb", "SELECT STRPTIME(x, '%Y-%m-%d %H:%M:%S')"),
    ),
    Case(
        *_GLOT,
        _translated("SELECT DATE_TRUNC('month', x)", "postgres", "bigquery", "SELECT TIMESTAMP_TRUNC(x, month)"),
    ),
    Case(*_GLOT, _translated("SELECT x::json -> 'a'", "postgres", "duckdb", "SELECT TRY_CAST(x AS JSON) -> 'a'")),
    Case(*_GLOT, _translated("SELECT x ILIKE 'a'", "postgres", "mysql", "SELECT LOWER(x) LIKE 'a'")),
    Case(*_GLOT, _translated("SELECT UNNEST(ARRAY[1, 2])", "postgres", "bigquery", "SELECT UNNEST([1, 2])")),
    Case(*_GLOT, _translated("SELECT LOG(x, y)", "postgres", "tsql", "SELECT LOG(x, y)")),
    Case(*_GLOT, _translated("SELECT JSON_EXTRACT(x, '$.a')", "mysql", "snowflake", "SELECT JSON_EXTRACT(x, '$.a')")),
    Case("click", "8.0.1", "8.2.0", test="tests/test_utils.py::test_echo_writing_to_standard_error"),
    Case(
        "click",
        "8.0.1",
        "8.2.0",
        test="tests/test_utils.py::test_detect_program_name[/foo/bar/example.py-None-example.py]",
    ),
    Case(*_MARKDOWN, test="tests/test_legacy.py::TestBasic::test_backlash_escapes"),
    Case(*_MARKDOWN, test="tests/test_syntax/blocks/test_html_blocks.py::TestHTMLBlocks::test_bogus_comment"),
    Case(*_MARKDOWN, test="tests/test_syntax/extensions/test_toc.py::TestTOC::testPermalinkWithUnicodeTitle"),
    Case(*_RICH, test="tests/test_progress.py::test_time_remaining_column_elapsed_when_finished"),
    Case(*_RICH, test="tests/test_pretty.py::test_ipy_display_hook__console_renderables_on_newline"),
    Case(
        *_MARSHMALLOW,
        "import contextlib\nfrom marshmallow import Schema, fields\n"
        "class BadSerializer(Schema):\n    bad_field = fields.Method('invalid')\n"
        "with contextlib.suppress(ValueError): BadSerializer().dump(object())\n",
    ),
)
"""What `signs.WEIGHTS` were fitted to: one for each culprit, the first. That of marshmallow was told by its own test
then, which wants packages that only it needs."""

UNSEEN = (
    Case(
        *_ALCHEMY,
        "from sqlalchemy import Integer, literal\n"
        "assert str(literal(5, Integer) / literal(2, Integer)) == ':param_1 / :param_2'\n",
    ),
    Case("click", "8.0.1", "8.2.0", test="tests/test_info_dict.py::test_command[Nested Group]"),
    Case(*_RICH, test="tests/test_text.py::test_wrap_long_words"),
    Case(*_RICH, test="tests/test_pretty.py::test_max_depth_attrs"),
    Case(*_CLICK, test="tests/test_formatting.py::test_global_show_default"),
    Case(*_MARKDOWN, test="tests/test_apis.py::TestGeneralDeprecations::test_version_info_deprecation"),
    Case(*_MARKDOWN, test="tests/test_apis.py::TestConvertFile::testStdinStdout"),
    Case(
        *_MARSHMALLOW,
        "from marshmallow import fields\n"
        "assert repr(fields.Field(default='a')).startswith('<fields.Field(default=\\'a\\', attribute=None,')\n",
    ),
    Case(
        *_MARSHMALLOW,
        "from marshmallow import validate\n"
        "assert repr(validate.URL(error='no')) == '<URL(relative=False, error=\\'no\\')>'\n",
    ),
)

CASES = FITTED + UNSEEN
"""Changes that somebody's program met as a fault: each commit is named by plain `git bisect`, too."""


class Known(CommandOracle):
    """Makes each verdict once; a traced run always runs."""

    def __init__(self, command: str, checkout: Path) -> None:
        super().__init__(command, 120, checkout, os.environ)
        self.said: dict[str, Said] = {}

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        commit = _head(folder)
        if trace or commit not in self.said:
            self.said[commit] = super().ask(folder, stop, scratch=scratch, trace=trace)
        return self.said[commit]


class Counted(Struct, frozen=True):
    name: str
    range: int
    git: int
    limited: int
    search: int
    ends: int
    deciding: int
    repeats: int
    culprit: str
    suspects: int
    """More than one where commits that could not be tried hide it."""
    subject: str
    right: bool
    limited_right: bool
    skipped: tuple[str, ...]
    """The commits of which a run told nothing."""


def measure(folder: Path, case: Case) -> Counted:
    root = (folder / case.repository).resolve()
    repository = Repository(root)
    good, bad = repository.resolve(case.good), repository.resolve(case.bad)
    with tempfile.TemporaryDirectory(prefix="flux-bench-") as scratch:
        own = Path(scratch)
        oracle = Known(command_of(root, case, own / "case"), root)
        answer = bisect(
            repository, oracle, Asked(bad=bad, goods=(good,), words=(case.test, case.script)), logs=own / "logs"
        )
        traced = oracle.said[bad].traced
        files = sorted({place.path for place in traced.calls} | traced.imported) if traced is not None else []
        tree = Path(scratch) / "git"
        tree.mkdir()
        ask = _Asker(Checkouts(tree, repository), oracle, own, bad)
        plain, runs = _git(root, good, bad, (), ask)
        limited, fewer = _git(root, good, bad, files, ask)
    counts = {
        purpose: sum(each.purpose == purpose for each in answer.evidence)
        for purpose in ("search", "end", "deciding", "repeat")
    }
    found = {answer.first_bad.revision} if answer.first_bad is not None else {each.revision for each in answer.among}
    return Counted(
        name=f"{case.repository} {case.test.rpartition('::')[2] or case.script.splitlines()[-1][:40]}",
        range=answer.candidates,
        git=runs,
        limited=fewer,
        search=counts["search"],
        ends=counts["end"],
        deciding=counts["deciding"],
        repeats=counts["repeat"],
        culprit=(answer.first_bad or answer.among[0]).revision,
        suspects=len(found),
        subject=(answer.first_bad or answer.among[0]).subject if answer.first_bad else f"one of {len(found)}",
        right=found == set(plain),
        limited_right=set(limited) == set(plain),
        skipped=tuple(commit for commit in oracle.said if ask(commit) == "skip"),
    )


class _Asker:
    """The verdict on a commit, out of what is known, or by a run."""

    def __init__(self, checkouts: Checkouts, oracle: Known, own: Path, bad: str) -> None:
        self._checkout = checkouts.add("one", own / "one")
        self._oracle = oracle
        self._own = own
        self._symptom = oracle.said[bad].early

    def __call__(self, commit: str) -> str:
        if commit not in self._oracle.said:
            self._checkout.put(commit)
            self._oracle.ask(self._checkout.folder, threading.Event(), scratch=self._own)
        said = self._oracle.said[commit]
        # Where it is what is looked for that something cannot be imported, it is bad.
        return "bad" if said.early is not None and said.early == self._symptom else said.verdict


def _git(root: Path, good: str, bad: str, files: Sequence[str], ask: _Asker) -> tuple[tuple[str, ...], int]:
    """The suspects that `git bisect` comes to, and in how many runs. In a clone, which shares what the other has."""
    with tempfile.TemporaryDirectory(prefix="flux-bench-git-") as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", str(root), str(clone)], check=True)

        def git(*words: str) -> str:
            done = subprocess.run(["git", "bisect", *words], cwd=clone, capture_output=True, text=True, check=False)
            return done.stdout + done.stderr

        told = git("start", "--no-checkout", bad, good, *(("--", *files) if files else ()))
        runs = 0
        while True:
            if end := re.search(r"^([0-9a-f]{40}) is the first bad commit", told, re.MULTILINE):
                return (end[1],), runs
            if "first bad commit could be any of" in told:
                return tuple(re.findall(r"^[0-9a-f]{40}$", told, re.MULTILINE)), runs
            asked = re.search(r"^\[([0-9a-f]{40})\]", told, re.MULTILINE)
            assert asked is not None, told
            runs += 1
            told = git(ask(asked[1]), asked[1])


def command_of(root: Path, case: Case, folder: Path) -> str:
    folder.mkdir()
    python = shlex.quote(sys.executable)
    if case.script:
        (folder / "check.py").write_text(case.script)
        return f"{python} {folder / 'check.py'}"
    path, _, test = case.test.partition("::")
    archive = subprocess.run(
        ["git", "archive", case.good, path.partition("/")[0]], cwd=root, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    options = f"-q -p no:cacheprovider -c {os.devnull} --rootdir {folder}"
    return f"{python} -m pytest {options} {shlex.quote(f'{folder / path}::{test}')}"


def _head(folder: Path) -> str:
    own = Path((folder / ".git").read_text().removeprefix("gitdir: ").strip())
    return (own / "HEAD").read_text().strip()


def main(words: Sequence[str] = ()) -> None:
    if not words:
        print("bisect runs: give a folder of clones (python -m tests.bench.bisect_runs FOLDER)")
        return
    folder, wanted = Path(words[0]), words[1:]
    rows: list[Counted] = []
    print(f"{'commits':>8} {'git':>4} {'files':>6} {'flux':>5}  + ends, parents, repeats")
    for case in CASES:
        if not (folder / case.repository).exists() or (wanted and case.repository not in wanted):
            continue
        try:
            row = measure(folder, case)
        except NothingToFind as error:
            print(f"         left out: {case.repository} {case.script or case.test}: {error}", flush=True)
            continue
        rows.append(row)
        extra = f"{row.ends}, {row.deciding}, {row.repeats}"
        told = ("same" if row.right else "WRONG") + ("" if row.limited_right else ", but wrong when limited to files")
        runs = f"{row.range:8} {row.git:4} {row.limited:6} {row.search + row.deciding:5}  + {extra:10} {told}"
        print(f"{runs}  {row.name}: {row.culprit[:10]} {row.subject[:50]}", flush=True)
    if rows:
        mean = {
            name: fsum(getattr(row, name) for row in rows) / len(rows)
            for name in ("git", "limited", "search", "ends", "deciding", "repeats")
        }
        flux = mean["search"] + mean["deciding"]
        git, limited = mean["git"], mean["limited"]
        print(f"{len(rows)} cases, mean runs: git {git:.2f}, limited to files {limited:.2f}, Flux {flux:.2f}")
        print("  ratio of the means, which the bars are about:", end=" ")
        print(f"Flux against git {flux / git:.2f} (bar 0.63), limited to files {flux / limited:.2f} (bar 0.95)")
        each = [(row.search + row.deciding, row) for row in rows]
        against_git = fsum(runs / row.git for runs, row in each) / len(rows)
        against_limited = fsum(runs / row.limited for runs, row in each) / len(rows)
        print(f"  mean of the ratios: {against_git:.2f}, {against_limited:.2f}")
        whole = (flux + mean["repeats"]) / git
        print(f"  with the repeats, which git has none of: {whole:.2f}")
        print("  the weights were fitted to some of these cases: CONTRIBUTING has the figures for projects left out")
        ends, repeats = mean["ends"], mean["repeats"]
        print(f"  besides: traced runs of the ends {ends:.1f}, repeats {repeats:.1f}; all {flux + ends + repeats:.2f}")
        limited_right = sum(row.limited_right for row in rows)
        print(f"  as plain git: Flux {sum(row.right for row in rows)} of {len(rows)}, limited to files {limited_right}")


if __name__ == "__main__":
    main(sys.argv[1:])
