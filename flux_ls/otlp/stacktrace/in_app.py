"""Which frames are the user's own code, and which belong to a library, a runtime or nothing on disk."""

import re
import sys
from functools import lru_cache
from typing import Final

from msgspec import Struct

from flux_ls.model import Language


class InAppRule(Struct, frozen=True):
    """What the user says about it; built-in knowledge decides the rest.

    A prefix is a path (`/srv/app`, `src/shop`, `C:\\work`) or a dotted module or package (`shop.payments`,
    `com.shop`). `include` wins over `exclude`, and both win over what is built in.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def matches(self, path: str, function: str, language: Language) -> bool:
        """Whether a frame with this path and (for Go and Java: qualified) function is the user's own."""
        if len(path) + len(function) > _CACHED_LENGTH:
            return _decide(self.include, self.exclude, path, function, language)
        return _decide_cached(self.include, self.exclude, path, function, language)


DEFAULT_RULE: Final = InAppRule()

_CACHED_LENGTH = 500


def _decide(include: tuple[str, ...], exclude: tuple[str, ...], path: str, function: str, language: Language) -> bool:
    normal = _normalised(path)
    if include and any(_has_prefix(prefix, normal, function, language) for prefix in include):
        return True
    if exclude and any(_has_prefix(prefix, normal, function, language) for prefix in exclude):
        return False
    if language == "python":
        return _python(normal)
    if language == "javascript":
        return _javascript(normal)
    if language == "go":
        return _go(normal, function)
    return _java(function)


_decide_cached = lru_cache(maxsize=8192)(_decide)


def _normalised(path: str) -> str:
    """Forward slashes; paths of Windows in lower case, because its file names have no case."""
    if _DRIVE.match(path) or path.startswith("\\\\"):
        return path.replace("\\", "/").lower()
    return path.replace("\\", "/") if "/" not in path else path


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def _has_prefix(prefix: str, path: str, function: str, language: Language) -> bool:
    prefix = prefix.strip()
    if not prefix:
        return False
    if "/" in prefix or "\\" in prefix:
        if language == "go" and _under(function, prefix.rstrip("/"), "/."):
            return True
        wanted = _normalised(prefix).removeprefix("./").rstrip("/")
        if wanted.startswith("/") or _DRIVE.match(wanted):
            return path == wanted or path.startswith(wanted + "/") or wanted == ""
        return f"/{wanted}/" in f"/{path}/"
    if language in ("go", "java"):
        return _under(function, prefix, "./$")
    if path.startswith("<"):
        return path == prefix
    return _under(_module(path), prefix.replace(".", "/"), "/") or _somewhere_in(path, prefix)


def _under(name: str, prefix: str, ends: str) -> bool:
    return name.startswith(prefix) and (len(name) == len(prefix) or name[len(prefix)] in ends)


def _somewhere_in(path: str, prefix: str) -> bool:
    """A module prefix in the path of a file whose import root nobody told us."""
    if _LIBRARY.search(path):
        return False
    bare = path.rsplit(".", 1)[0] if path.endswith((".py", ".pyx", ".js", ".ts", ".tsx", ".jsx")) else path
    return f"/{prefix.replace('.', '/')}/" in f"/{bare}/"


def _module(path: str) -> str:
    """The module of an installed file, as a path: `flask/app` for `…/site-packages/flask/app.py`."""
    ends = [found.end() for found in _LIBRARY.finditer(path)]
    return path[ends[-1] :].removesuffix(".py") if ends else ""


_LIBRARY = re.compile(
    r"(?:^|(?<=/))(?:site-packages|dist-packages|node_modules|__pypackages__/[^/]+/lib)/"
    r"|(?:^|(?<=/))(?:lib|lib64)/(?:python|pypy)\d(?:\.\d+)?t?/"
    r"|(?:^|(?<=/))lib-python/\d[^/]*/"
)

# --- Python

# Run from a checkout of ours, too, it is nobody's application.
_RECORDER = re.compile(r"(?:^|/)flux_ls/record/")
_PYTHON_ARCHIVE = re.compile(r"(?:^|/)python\d+\.zip/|\.egg/")
_CONSOLE_SCRIPT = re.compile(r"(?:^|/)(?:bin|[Ss]cripts)/[^/]+(?:/__main__\.py)?$")


def _python(path: str) -> bool:
    if not path or path.startswith("<"):
        return False
    if _LIBRARY.search(path) or _PYTHON_ARCHIVE.search(path) or _RECORDER.search(path):
        return False
    if _windows_library(path):
        return False
    return not (_CONSOLE_SCRIPT.search(path) and (".exe/" in path or not path.endswith((".py", ".pyw"))))


def _windows_library(path: str) -> bool:
    """Whether this is `…/Python311/Lib/asyncio/…`: a folder below `Lib` that is of the standard library."""
    parts = path.split("/")
    return any(
        part == "lib"
        and any(name in parts[at] for name in ("python", "conda", "pypy"))
        and parts[at + 2].partition(".")[0] in _STDLIB
        for at, part in enumerate(parts[1:-1])
    )


_STDLIB = frozenset(name.lower() for name in sys.stdlib_module_names)

# --- JavaScript

_NODE_OWN = re.compile(r"^(?:node|internal|native|ext|bun|deno|chrome-extension|moz-extension|wasm):|^internal/")
_JS_LIBRARY = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|\.yarn/(?:cache|unplugged|__virtual__))/|^webpack/|(?:^|/)\.pnp\.c?js$"
)


def _javascript(path: str) -> bool:
    if not path or path.startswith(("<", "[")) or path == "native":
        return False
    if _NODE_OWN.search(path) or _JS_LIBRARY.search(path):
        return False
    # Before version 16 Node named its own files `fs.js`, `events.js`: no folder at all.
    return "/" in path or path.removesuffix(".js") not in _OLD_NODE


_OLD_NODE = frozenset(
    [
        "_http_agent", "_http_client", "_http_common", "_http_incoming", "_http_outgoing", "_http_server",
        "_stream_duplex", "_stream_readable", "_stream_transform", "_stream_writable", "_tls_wrap", "assert",
        "async_hooks", "buffer", "child_process", "cluster", "crypto", "dgram", "dns", "domain", "events", "fs",
        "http", "http2", "https", "module", "net", "perf_hooks", "querystring", "readline", "repl", "stream",
        "string_decoder", "timers", "tls", "tty", "url", "util", "vm", "worker_threads", "zlib",
    ]
)  # fmt: skip

# --- Go

_GO_LIBRARY = re.compile(r"(?:^|/)pkg/mod/|(?:^|/)vendor/|@v\d+\.|^<autogenerated>$|^_cgo_|^_testmain\.go$")
_GO_STANDARD = frozenset(
    [
        "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed",
        "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter",
        "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort",
        "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe",
        "vendor", "weak",
    ]
)  # fmt: skip


def _go(path: str, function: str) -> bool:
    if not path or path.startswith(("<", "?")) or function == "panic":
        return False
    if _GO_LIBRARY.search(path):
        return False
    folder, _, last = function.rpartition("/")
    package = f"{folder}/{last.split('.', 1)[0]}" if folder else last.split(".", 1)[0]
    if package.split("/", 1)[0] in _GO_STANDARD:
        return not (f"/src/{package}/" in path or path.startswith(f"{package}/"))
    return True


# --- Java

_JAVA_LIBRARIES = (
    "akka", "android", "androidx", "ch.qos.logback", "clojure", "com.android", "com.fasterxml", "com.google.common",
    "com.google.gson", "com.google.inject", "com.google.protobuf", "com.mongodb", "com.mysql", "com.netflix",
    "com.squareup", "com.sun", "com.zaxxer", "dalvik", "freemarker", "groovy", "io.grpc", "io.ktor", "io.lettuce",
    "io.micrometer", "io.micronaut", "io.netty", "io.opentelemetry", "io.quarkus", "io.reactivex", "io.smallrye",
    "io.undertow", "io.vertx", "jakarta", "java", "javassist", "javax", "jdk", "junit", "kotlin", "kotlinx",
    "libcore", "net.bytebuddy", "net.sf.cglib", "okhttp3", "okio", "oracle", "org.aopalliance", "org.apache",
    "org.aspectj", "org.codehaus", "org.eclipse", "org.glassfish", "org.gradle", "org.h2", "org.hibernate",
    "org.jboss", "org.jetbrains", "org.jooq", "org.junit", "org.mockito", "org.mybatis", "org.opentest4j",
    "org.postgresql", "org.reactivestreams", "org.redisson", "org.slf4j", "org.springframework", "org.testng",
    "org.thymeleaf", "org.wildfly", "org.xnio", "play", "reactor", "redis.clients", "retrofit2", "rx", "scala",
    "sun", "zio",
)  # fmt: skip


def _java(function: str) -> bool:
    if not function:
        return False
    if any(_under(function, library, ".") for library in _JAVA_LIBRARIES):
        return False
    # Classes that the runtime and the frameworks generate: proxies, CGLIB, lambda forms, reflection.
    return not _JAVA_GENERATED.search(function)


_JAVA_GENERATED = re.compile(r"^(?:com\.sun\.proxy|jdk\.proxy\d*|\$Proxy\d*)\b|\$\$(?:FastClass|Enhancer|Spring)")
