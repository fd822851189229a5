"""What the application's interpreter has of what recording needs; asked once, of that interpreter."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

_NEEDED = {
    "msgspec": "msgspec",
    "wrapt": "wrapt",
    "opentelemetry.sdk.trace": "opentelemetry-sdk",
    "opentelemetry.instrumentation.instrumentor": "opentelemetry-instrumentation",
}
_PROBE_S = 30.0

# Runs under the application's interpreter: standard library only, and nothing newer than old ones know.
_QUESTION = r"""
import importlib.util, json, os, re, sys
from importlib import metadata
sys.path[:] = [entry for entry in sys.path if entry]
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()
told = {"version": list(sys.version_info[:3]), "flux": there("flux_ls"), "pip": there("pip"),
        "missing": [name for name in json.loads(sys.argv[1]) if not there(name)], "instrumentations": [],
        "instrumented": []}
names = set()
for each in metadata.distributions():
    try:
        names.add(plain(each.metadata["Name"]))
    except Exception:
        pass
try:
    from opentelemetry.instrumentation import bootstrap_gen
    for each in bootstrap_gen.libraries:
        library, instrumentation = each["library"], each["instrumentation"]
        library = plain(re.match(r"[A-Za-z0-9._-]+", library).group())
        if library in names and plain(re.match(r"[A-Za-z0-9._-]+", instrumentation).group()) in names:
            told["instrumented"].append(library)
        elif library in names:
            told["instrumentations"].append([library, instrumentation])
except Exception:
    pass
sys.stdout.write("\n" + json.dumps(told))
"""

# Others are about noise, or about libraries that come along with everything.
_WORTH_SAYING = frozenset(
    {
        "aiohttp",
        "celery",
        "django",
        "falcon",
        "fastapi",
        "flask",
        "httpx",
        "pyramid",
        "requests",
        "starlette",
        "tornado",
    }
    | {"aiopg", "asyncpg", "mysql-connector-python", "mysqlclient", "psycopg", "psycopg2", "psycopg2-binary", "pymssql"}
    | {"pymysql", "pymongo", "redis", "sqlalchemy", "tortoise-orm", "urllib3"}
    | {"aio-pika", "aiokafka", "boto3", "confluent-kafka", "kafka-python", "pika", "remoulade"}
)
_DRIVERS = frozenset({"aiopg", "asyncpg", "mysql-connector-python", "mysqlclient", "psycopg", "psycopg2"}) | {
    "psycopg2-binary",
    "pymssql",
    "pymysql",
}
_BUILT_ON = {"starlette": "fastapi", "urllib3": "requests"}
"""A library that another stands on is looked at through that one."""


class Probe(Struct, frozen=True):
    """The answer of an interpreter."""

    version: tuple[int, int, int]
    flux: bool
    pip: bool
    missing: tuple[str, ...]
    instrumentations: tuple[tuple[str, str], ...]
    """Libraries that are there without theirs, and what to install."""
    instrumented: frozenset[str] = frozenset()
    """Libraries that are there with theirs."""


class Unusable(Exception):
    """It cannot be asked, or recording is not possible there."""


def probe(interpreter: str, environ: Mapping[str, str]) -> Probe:
    """Raises `Unusable`."""
    try:
        done = subprocess.run(
            [interpreter, "-c", _QUESTION, msgspec.json.encode(list(_NEEDED)).decode()],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Probe)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"{interpreter} cannot be run: {error}") from None
    except (IndexError, msgspec.MsgspecError):
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Unusable(f"{interpreter} cannot be asked what it has{': ' + last if last else ''}") from None


def check(interpreter: str, found: Probe) -> None:
    """Raises `Unusable`, with what to do, when nothing can be recorded there."""
    if found.version < (3, 11):
        version = ".".join(map(str, found.version))
        raise Unusable(f"recording needs Python 3.11 or later, and {interpreter} is {version}")
    if found.missing:
        packages = [_NEEDED[name] for name in found.missing]
        missing = ", ".join(packages)
        install = ['"flux-ls[record]"'] if found.flux else packages
        raise Unusable(f"{interpreter} lacks {missing}; install it there:\n  {_install(interpreter, found, install)}")


def advice(interpreter: str, found: Probe, unwanted: frozenset[str]) -> list[str]:
    """What would be recorded too, were its instrumentation installed."""
    known = {library for library, _ in found.instrumentations} | found.instrumented
    lacking = {
        library: package
        for library, package in found.instrumentations
        if library in _WORTH_SAYING and _BUILT_ON.get(library) not in known and library not in unwanted
        # The drivers under it would tell every query a second time.
        if not ("sqlalchemy" in found.instrumented and library in _DRIVERS)
        if not (library == "aiohttp" and package.startswith("opentelemetry-instrumentation-aiohttp-server"))
    }
    if not lacking:
        return []
    packages = sorted(set(lacking.values()))
    return [
        f"{', '.join(lacking)}: there without OpenTelemetry's instrumentation, so it makes no spans; install that:",
        f"  {_install(interpreter, found, [_quoted(package) for package in packages])}",
    ]


def _install(interpreter: str, found: Probe, packages: Sequence[str]) -> str:
    if found.pip:
        return f"{_quoted(interpreter)} -m pip install {' '.join(packages)}"
    return f"uv pip install --python {_quoted(interpreter)} {' '.join(packages)}"


def _quoted(word: str) -> str:
    return shlex.quote(word)
