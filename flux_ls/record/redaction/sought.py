"""What of a value that was redacted because of its name is looked for elsewhere: what is a secret by itself, and is
told from ordinary text.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from flux_ls.record.redaction.keys import SECRET_WORDS, Verdict, verdict, word_set
from flux_ls.record.redaction.values import is_opaque
from flux_ls.record.wire import REDACTED

SHORTEST: Final = 6
"""Characters: what is shorter stands in ordinary text by chance."""
LONGEST: Final = 4096
_LEAST_DIFFERENT: Final = 3
"""Characters that differ: `000000` and `xxxxxx` stand for something that is not there."""

_SCHEME = re.compile(r"(?i)(bearer|basic|token|digest|negotiate|ntlm|api-?key)(?:\s|%20){1,4}(?=\S)")
_COOKIE = re.compile(r"\s*([\w!#$%&'*+\-.^`|~]{1,200})=\"?([^;\",\s]*)\"?\s*(?:[;,]|\Z)")
_PARAMETER = re.compile(r"(\w{1,40})=\"([^\"]*)\"")
_SEVERAL = re.compile(r"[\[({]|[A-Za-z_][\w.]*\(")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)+)\"|'((?:[^'\\]|\\.)+)'", re.DOTALL)
_FIELD = re.compile(r"[\"']([\w.\-]{1,80})[\"']\s{0,4}:\s{0,4}(?:" + _QUOTED.pattern + ")", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_WORD: Final = r"[^\W\d_]+(?:['\u2019][a-z]+)?"
_WORDS = re.compile(_WORD)
_SENTENCE = re.compile(rf"{_WORD}(?:[ ,;:]{{1,2}}(?:{_WORD}|\d{{1,3}}))+[.!?…]?")

_ORDINARY: Final = SECRET_WORDS | word_set(
    """
    access account accept accepted active admins anonymous application authenticated basic bearer boolean browser
    cancel changeme changed client closed commit committed connect create created custom customer default delete
    deleted denied development digest disabled enabled encrypted error example expired external failed failure filtered
    global header hidden include insert integer internal invalid localhost managed manual masked memory message method
    missing mobile native negotiate normal number object omitted opened optional parameter pending private production
    public python readonly redacted refresh refused register rejected remote request required response revoked
    rollback sandbox sample scopes select server service signed staging static strict string success system
    testing timeout undefined unknown unset update updated username verified version website window
    """
)
"""Words that stand in any text, and that nobody should have as a password."""
_SAID_OF_FIELDS: Final = word_set(
    """
    a an and any at be been blank but can cannot cant character characters contain contains correct did does doesnt
    empty enter ensure error expired field for from had has have if in incorrect invalid is isnt it least long longer
    match may minimum missing most must no not null of on one only or please provided required short should something
    than that the these this to too valid value was went were will with wrong you your
    """
)
"""Words of sentences about a field, which forms put under its name: `This field is required.`"""


def is_sought(value: str) -> bool:
    """Whether a secret can be looked for without taking ordinary text for it.

    Six characters at least, three of them different, and no word or sentence that any text might have. What is made of
    letters or digits only is found where it stands alone, and not inside of a longer word or number: see `spellings`.
    """
    if not SHORTEST <= len(value) <= LONGEST or len(set(value)) < _LEAST_DIFFERENT or REDACTED in value:
        return False
    if value.isalpha():
        return value.lower() not in _ORDINARY
    if not any(map(str.isalnum, value)):
        return False
    return " " not in value or not _is_said_of_a_field(value)


def _is_said_of_a_field(value: str) -> bool:
    if _SENTENCE.fullmatch(value) is None:
        return False
    words = [word.lower().replace("'", "").replace("\u2019", "") for word in _WORDS.findall(value)]
    return sum(word in _SAID_OF_FIELDS for word in words) * 2 >= len(words)


def parts_of(value: str) -> Iterator[str]:
    """A value that was redacted, and what of it may stand elsewhere by itself: without its scheme, cookie by cookie."""
    value = value.strip()
    scheme = _SCHEME.match(value) if " " in value or "%20" in value else None
    if scheme is not None:
        yield from _credentials(scheme[1].lower(), value[scheme.end() :])
        return
    yield value
    if "://" in value:
        yield from _parts_of_url(value)
    elif "=" in value:
        yield from _cookies(value)
    if _SEVERAL.match(value) is not None:
        yield from _quoted(value)
    if len(value) > 2 and value[0] == value[-1] and value[0] in "\"'":
        yield value[1:-1].replace("''", "'")
    if "%" in value:
        yield unquote_plus(value)
    if "\\" in value:
        yield _unescaped(value)


def _unescaped(value: str) -> str:
    """As it was before JSON, or a repr, was made of it."""
    text = _ESCAPE.sub(_meant, value)
    # Two escapes of JSON may be one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _meant(found: re.Match[str]) -> str:
    escape = found[1]
    if len(escape) == 1:
        return _CONTROLS.get(escape, escape)
    code = int(escape[1:], 16)
    return chr(code) if code < 0x110000 else found[0]


def _credentials(scheme: str, told: str) -> Iterator[str]:
    """What follows the scheme in a header, and the password in it."""
    yield told
    if '="' in told:
        yield from (found[2] for found in _PARAMETER.finditer(told) if is_opaque(found[2]))
    if scheme == "basic":
        try:
            raw = base64.b64decode(told + "=" * (-len(told) % 4))
        except (binascii.Error, ValueError):
            return
        _, colon, password = raw.decode("utf-8", "replace").partition(":")
        if colon:
            yield password


def _parts_of_url(value: str) -> Iterator[str]:
    """Of an address that is a secret, what makes it one."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.password:
        yield unquote_plus(parts.password)
    yield from filter(is_opaque, parts.path.split("/"))
    yield from _cookies(parts.query.replace("&", ";"))


def _cookies(value: str) -> Iterator[str]:
    at = 0
    while (found := _COOKIE.match(value, at)) is not None and found.end() > at:
        at = found.end()
        if verdict(found[1]) is not Verdict.OPEN or is_opaque(found[2]):
            yield found[2]
            if "%" in found[2]:
                yield unquote_plus(found[2])


def _quoted(value: str) -> Iterator[str]:
    """Of a list all; of what has names, only what is secret because of its own: whose it is, is none elsewhere."""
    if value[0] == "{":
        for found in _FIELD.finditer(value):
            told = found[2] or found[3]
            if verdict(found[1]) is not Verdict.OPEN or is_opaque(told):
                yield told
    else:
        yield from (found[1] or found[2] for found in _QUOTED.finditer(value))
