"""Secrets in a text that names them: `password=…`, `"token": "…"`, headers, forms, XML, command lines, reprs, SQL."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from flux_ls.record.redaction.keys import OPEN_BEFORE, SECOND_WORDS, Verdict, verdict, word_set
from flux_ls.record.redaction.remembered import redacted
from flux_ls.record.redaction.values import is_code, is_countable, is_opaque, is_path
from flux_ls.record.wire import REDACTED

_LONGEST_KEY: Final = 80

# A name and what parts it from its value. The run of the name is possessive and starts at its start: so the search is
# linear.
_NAMED = re.compile(
    r"""
    (?<![\w.\-])(?P<key>[\w.\-]++)
    (?:\]|%5D)?(?P<close>\\{0,15}["'`]|&quot;|&\#34;|%22)?(?:\]|%5D)?
    (?:
        \s{0,4}(?P<sep>=>|:=|[=!]?={1,2}|<>|:(?!:)|%3[AaDd])(?:\s|\\[nrt]){0,8}
      | (?P<list>\s{1,4}(?i:in)\s{0,4}(?=\())
      | (?P<value>\s{0,4},\s{0,4}\\{0,15}["']value\\{0,15}["']\s{0,4}:\s{0,4}|\s{1,4}(?:value|content)=)
      | (?P<pair>\s{0,4},\s{0,4})(?=[bBuU]?\\{0,15}["'`])
      | (?P<part>(?:\r?\n|\\r\\n){2})
    )
    """,
    re.VERBOSE,
)
_ELEMENT = re.compile(r"<(?:[\w.\-]{1,40}:)?(?P<key>[\w.\-]{1,80})(?:\s[^<>]{0,200})?>(?=[^<\s])")
_FIELD_END = re.compile(r"\r?\n|\\r\\n")
_FLAG = re.compile(r"(?<![\w\-])--(?P<key>[A-Za-z][\w\-]{1,60})\s{1,2}(?=[^\s\-])")
_SAID = re.compile(
    r"(?<![\w\-])(?<![Uu]nexpected )(?P<key>(?i:pass(?:word|wd|phrase|code)|pin|otp|token|secret|api[ _\-]?key))"
    r"(?:\s{1,4}(?:(?i:like|in)\s{0,4}\(?\s{0,4})?(?=[\"'`])|\s(?i:is|was)\s|\s)(?=[^\s])"
)
_QUOTE = re.compile(r"[bBuUrR]{0,2}(\\{0,15})([\"'`])")
_QUOTES = re.compile(r"\\*[\"'`]")
_ENTITY = re.compile(r"&quot;|&#34;|%22")
_BRACKETS = re.compile(r"[\[\](){}]|\\*[\"']")
_LONG_WORD = re.compile(r"[\w\-.+/=~]{16,}+")
_CALL = re.compile(r"[A-Za-z_][\w.]*\(")
_PLAIN = re.compile(
    r"""(?:
        [^\s"'`&;,)\]}<>\\%]
      | &(?!amp;|\w{1,64}=|\w{1,64}\[|quot;|\#)
      | ,(?!\s|\Z|["']?\w{1,64}["']?[=:])
      | [)\]}](?![\s,;.:)\]}"'`]|\Z)
      | [<>](?!/)
      | %(?!26|22)
      | \\(?![nrt"'u])
    )+""",
    re.VERBOSE,
)
_LINE = re.compile(r"[^\r\n]*")
_LINE_END = re.compile(r"\\[nr]|\\*\"(?=\s*[,}\])]|\Z)")
_LINES: Final = frozenset({"authorization", "cookie", "cookies", "mnemonic", "passphrase", "phrase"})
"""What has spaces in it: the value goes on until the line ends."""

_HARMLESS = re.compile(
    r"""(?ix)
    none|null|nil|true|false|undefined|nan|yes|no|on|off|n/a|-+|_+|\*+|x{3,}|\.{2,}|…+|•+
    |\?|%s|%\(\w+\)s|:[a-z_]\w*|\$\d+|\$\{?[a-z_]\w*\}?|\$?\{\{?[\w.\s]*\}\}?|@p?\d+
    |\W*redacted\W*|\W*filtered\W*|\W*masked\W*|\W*hidden\W*
    |<[a-z][\w.\s\-]*(?:\ object)?(?:\ at\ 0x[0-9a-f]+)?>?
    |include|omit|same-origin
    |str|int|bytes|bool|float|string|text|object|any|optional|dict|list|number|integer|boolean|secretstr
    |(?:optional|annotated|union|list|dict)\[.*
    |(?:self|cls|settings|config|conf|os|request|req|app|args|kwargs|env|options|process|this|ctx|context|data|form)
     [.\[]\S*
    """
)
_PROSE: Final = word_set(
    """
    required invalid expired missing must is not this that the a an field cannot can may should was has have too
    incorrect wrong ok failed unexpected unknown empty optional got expected does did do it if in for of and or but
    unable error denied changed updated reset set unset present absent revoked blank never always malformed
    unsupported mismatch mismatched enter please your no yes valid disabled enabled
    """
)
_SCHEMES: Final = frozenset({"bearer", "basic", "token", "digest", "negotiate"})
_SAID_VALUE = re.compile(r"(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])(?!(?i:sha|md5|bcrypt|pbkdf|argon|scrypt|v\d))\S{6,}")
_SAID_ALONE = re.compile(r"[^/=(\[:]+")
_PREVIOUS = re.compile(r"(\w{1,24})[ ]\Z")


class _Value(NamedTuple):
    """Where the secret is, and what stands for it."""

    start: int
    end: int
    marker: str = REDACTED


def redact_named(text: str) -> str:
    """Without the values of secret names."""
    has_frames = 'File "' in text
    text = _without(text, _NAMED, lambda text, found: _assigned(text, found, has_frames))
    if "</" in text or "/&gt;" in text:
        text = _without(text, _ELEMENT, _element)
    if "--" in text:
        text = _without(text, _FLAG, _flagged)
    return _without(text, _SAID, _said)


def _without(text: str, names: re.Pattern[str], secret_of: Callable[[str, re.Match[str]], _Value | None]) -> str:
    parts: list[str] = []
    copied = at = 0
    while (found := names.search(text, at)) is not None:
        at = found.end()
        value = secret_of(text, found)
        if value is not None:
            redacted(text[value.start : value.end])
            parts += (text[copied : value.start], value.marker)
            copied = at = max(value.end, at)
    if not parts:
        return text
    parts.append(text[copied:])
    return "".join(parts)


def _verdict(text: str, found: re.Match[str]) -> Verdict:
    key = found["key"]
    judged = verdict(key[-_LONGEST_KEY:])
    start = found.start()
    if judged is not Verdict.OPEN:
        if key.lower() in OPEN_BEFORE and start and text[start - 1] == " ":
            before = _PREVIOUS.search(text, max(0, start - 26), start)
            if before is not None and before[1].lower() in OPEN_BEFORE[key.lower()]:
                return Verdict.OPEN
        return judged
    if start and text[start - 1] == "\\" and key[0] in "nrtbf":
        # The letter belongs to an escape.
        judged = verdict(key[1:][-_LONGEST_KEY:])
    elif start and text[start - 1] == " " and key.lower() in SECOND_WORDS:
        before = _PREVIOUS.search(text, max(0, start - 26), start)
        if before is not None:
            judged = verdict(f"{before[1]}_{key}")
    return judged


def _assigned(text: str, found: re.Match[str], has_frames: bool) -> _Value | None:
    """The secret after `name=`, `"name":` and the like."""
    judged = _verdict(text, found)
    if judged is Verdict.OPEN:
        return None
    at = found.end()
    if found["pair"]:
        return _paired(text, found, judged)
    if found["part"]:
        return _form_field(text, found, judged)
    entity = _ENTITY.match(text, at)
    if entity is not None:
        end = text.find(entity[0], entity.end())
        return _if_secret(text, entity.end(), end if end >= 0 else len(text), judged)
    quote = _QUOTE.match(text, at)
    if quote is not None:
        return _if_secret(text, quote.end(), closing(text, quote), judged)
    if found["list"] and text[at + 1 : at + 2] not in ("'", '"'):
        return None  # a question, or names of parameters
    if text[at : at + 1] in ("[", "{", "("):
        value = _bracketed(text, at, judged)
    elif has_frames and _is_source(text, found.start()):
        value = _call(text, at) if judged is Verdict.SECRET else None
    else:
        value = _unquoted(text, found, judged)
    if value is not None and found["sep"] == ":" and found["close"] and found["close"][-1] == '"':
        # What was JSON remains JSON.
        return value._replace(marker=found["close"] + REDACTED + found["close"])
    return value


def _bracketed(text: str, at: int, judged: Verdict) -> _Value | None:
    if judged not in (Verdict.SECRET, Verdict.COUNTABLE) and (judged is not Verdict.TEXT or text[at] == "{"):
        return None
    end = balanced(text, at)
    if judged is Verdict.COUNTABLE and not any(map(is_opaque, _LONG_WORD.findall(text, at, end))):
        return None
    if not text[at + 1 : end - 1].strip() or _HARMLESS.fullmatch(text[at:end]):
        return None
    return _Value(at, end)


def _unquoted(text: str, found: re.Match[str], judged: Verdict) -> _Value | None:
    key, at = found["key"], found.end()
    last = key.lower().rpartition("-")[2].rpartition("_")[2]
    if judged is Verdict.SECRET and (last in _LINES or key.lower().endswith(("authorization", "cookie", "phrase"))):
        return _line(text, found)
    call = _call(text, at)
    if call is not None:
        return call if judged is Verdict.SECRET else None
    plain = _PLAIN.match(text, at)
    if plain is None:
        return None
    value = plain[0]
    spaced = found["sep"] == ":" and found[0][-1:].isspace()
    bare = value.rstrip(".!?,")
    if spaced and (judged is Verdict.TEXT or bare.lower() in _PROSE):
        return None
    if value.lower() == last or value == key or _CALL.match(value):
        return None
    if value.lower() in _SCHEMES and (after := _PLAIN.match(text, plain.end() + 1)) is not None and after[0]:
        return _Value(at, after.end())
    return _if_secret(text, at, plain.end(), judged, plain=True)


def _line(text: str, found: re.Match[str]) -> _Value | None:
    """The rest of the line, or of the quotes in which name and value stand together."""
    at = found.end()
    line = _LINE.match(text, at)
    end = line.end() if line is not None else len(text)
    before = text[found.start() - 1] if found.start() else ""
    if before in "\"'`" and before and (close := text.find(before, at, end)) >= 0:
        end = close
        while end > at and text[end - 1] == "\\":
            end -= 1
    stop = _LINE_END.search(text, at, end)
    if stop is not None:
        end = stop.start()
    words = text[at:end].split(None, 2)
    if not words or (len(words) == 1 and words[0].lower() in _PROSE):
        return None
    if found["sep"] not in (":", "=") or (words[0].lower() in _PROSE and found["sep"] == ":"):
        return None
    if _HARMLESS.fullmatch(words[-1]) and (len(words) == 1 or words[0].lower() in _SCHEMES):
        return None
    return _Value(at, end)


def _element(text: str, found: re.Match[str]) -> _Value | None:
    """`<password>…</password>`"""
    judged = verdict(found["key"])
    if judged is Verdict.OPEN:
        return None
    end = text.find("<", found.end())
    return _if_secret(text, found.end(), end if end >= 0 else len(text), judged)


def _flagged(text: str, found: re.Match[str]) -> _Value | None:
    """`--password …`"""
    judged = verdict(found["key"])
    if judged is not Verdict.SECRET:
        return None
    quote = _QUOTE.match(text, found.end())
    if quote is not None:
        return _if_secret(text, quote.end(), closing(text, quote), judged)
    plain = _PLAIN.match(text, found.end())
    if plain is None or plain[0].lower() in _PROSE:
        return None
    return _if_secret(text, found.end(), plain.end(), judged)


def _said(text: str, found: re.Match[str]) -> _Value | None:
    """In a sentence: the password 'hunter', the token is 8f3a…, password hunter2"""
    at = found.end()
    quote = _QUOTE.match(text, at)
    if quote is not None:
        return _if_secret(text, quote.end(), closing(text, quote), Verdict.SECRET)
    plain = _PLAIN.match(text, at)
    if plain is None or _SAID_VALUE.match(plain[0]) is None or not _SAID_ALONE.fullmatch(plain[0]):
        return None
    if found[0][-4:].strip().lower() not in ("is", "was") and not found["key"].lower().startswith("pass"):
        return None
    return _if_secret(text, at, plain.end(), Verdict.SECRET)


def _form_field(text: str, found: re.Match[str], judged: Verdict) -> _Value | None:
    """Of a multipart body, the line below `name="password"`."""
    if not found["close"] or not text.endswith("name=", 0, found.start() - len(found["close"])):
        return None
    end = _FIELD_END.search(text, found.end())
    return _if_secret(text, found.end(), end.start() if end is not None else len(text), judged)


def _paired(text: str, found: re.Match[str], judged: Verdict) -> _Value | None:
    """Of a pair `("password", "…")`; a list of names is not one."""
    start = found.start() - 1
    if not found["close"] or start < 0:
        return None
    while start >= 0 and text[start] in "\\\"'`bBuU":
        start -= 1
    flag = found["key"].startswith("--")
    if not flag and (start < 0 or text[start] not in "(["):
        return None
    quote = _QUOTE.match(text, found.end())
    if quote is None:
        return None
    end = closing(text, quote)
    after = text[end + len(quote[1]) + 1 : end + len(quote[1]) + 4].lstrip(" ,")
    if not flag and after[:1] not in (")", "]", ""):
        return None
    return _if_secret(text, quote.end(), end, judged)


def _call(text: str, at: int) -> _Value | None:
    """A constructor with the secret in it, `Password('…')`."""
    call = _CALL.match(text, at, at + 200)
    if call is None:
        return None
    end = balanced(text, call.end() - 1)
    inside = text[call.end() : end - 1]
    if not call[0][0].isupper() or not inside.startswith(("'", '"', "b'", 'b"')) or set(inside) <= set("*'\""):
        return None
    return _Value(at, end)


def _if_secret(text: str, start: int, end: int, judged: Verdict, *, plain: bool = False) -> _Value | None:
    value = text[start:end]
    if not value or value.isspace() or _HARMLESS.fullmatch(value):
        return None
    if value == REDACTED or (judged is Verdict.OPAQUE and not is_opaque(value)):
        return None
    if judged is Verdict.CODE and not is_code(value):
        return None
    if judged is Verdict.TEXT and (is_path(value) or (plain and value.isdigit() and len(value) < 6)):
        return None
    if judged is Verdict.COUNTABLE and (is_countable(value) or not is_opaque(value)):
        return None
    return _Value(start, end)


def closing(text: str, quote: re.Match[str]) -> int:
    """Where a quoted text ends, however often its quotes are escaped; the end of everything if it does not."""
    depth = len(quote[1])
    for found in _QUOTES.finditer(text, quote.end()):
        if found[0][-1] == quote[2] and (len(found[0]) - 1) % (2 * depth + 2) == depth:
            return found.end() - 1 - depth
    return len(text)


def balanced(text: str, at: int) -> int:
    """The end of what is opened by the bracket at this place; quotes inside are skipped."""
    depth = 0
    quote = ""
    for found in _BRACKETS.finditer(text, at):
        mark = found[0]
        if quote:
            if mark == quote:
                quote = ""
        elif mark[-1] in "\"'":
            quote = mark
        elif mark in "[({":
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                return found.end()
    return len(text)


def _is_source(text: str, at: int) -> bool:
    """Whether this is a line of source in a stack trace: what stands there are names, unless it is quoted."""
    line = text.rfind("\n", max(0, at - 400), at)
    if line < 0:
        return False
    before = text.rfind("\n", max(0, line - 400), line)
    return text[before + 1 : line].lstrip().startswith('File "')
