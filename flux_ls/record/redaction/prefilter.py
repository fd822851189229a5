"""One expression for whatever may be a secret: everything that the rules redact is a match of it, and little else is.

For a search through a great many bytes at once, with an engine whose time does not depend on the expression: it is
written in the syntax of RE2, and reads UTF-8 and the protobuf encoding alike, in which a length stands between a name
and its value.
"""

import re
from collections.abc import Iterable
from typing import Final

from flux_ls.record.redaction.keys import SECRET_ENDINGS, SECRET_PAIRS, SECRET_WORDS, words_of
from flux_ls.record.redaction.tokens import CARD, PEM, SHAPES

_APART: Final = r"[^A-Za-z0-9]{0,3}"
# In front of a word: no letter, or what protobuf has in front of a text, a tag and a length that may look like one.
_WORD: Final = r"(?:\b|_|%..|[\n\x12\x1a\"*2][\x80-\xff]?[0-9A-Za-z])"
_SHORT: Final = 3
"""Letters: random ids have such words in them all the time."""
_ALONE: Final = r"(?i:pin|auth|pass)(?:\b|_|[0-9]|%)"
_WITH_VALUE: Final = r"(?i:sess|session|sid|sig|signature|code)[^A-Za-z._].{0,8}?[A-Za-z0-9_\-.+/=~%:|]{16}"
"""Names that are secret if nobody can read the value."""
_SCHEMES: Final = r"(?i:basic|negotiate|ntlm)[\s%]"
_LEADING = re.compile(r"\[(?:[^\]\\]|\\.)+\]\{\d+(?:,\d*)?\}")
_USERINFO: Final = r"://[^\s/?#\"'<>\\@]*@|://[^\s/?#\"'<>\\@:]{0,128}:[^\s\"'<>\\@]{1,128}@"
_CURL: Final = r"\s(?:-u|--user)\s"


def expression(extra_keys: Iterable[str] = ()) -> str:
    """For bytes, read as Latin-1."""
    names = {*SECRET_ENDINGS, *SECRET_WORDS, "tokens", "pwd"}
    # A name that another one is a part of is found with it.
    long = {name for name in names if len(name) > _SHORT}
    names -= {name for name in long if any(other in name for other in long if other != name)}
    short = "|".join(sorted(name for name in names if len(name) <= _SHORT))
    pairs = [_APART.join(map(re.escape, pair)) for pair in sorted(SECRET_PAIRS)]
    extra = [_APART.join(map(re.escape, words)) for key in extra_keys if (words := words_of(key))]
    named = "|".join([*sorted(name for name in names if len(name) > _SHORT), *pairs, *extra])
    camel = "|".join(sorted(name.capitalize() for name in names if len(name) <= _SHORT))
    by_name = [f"(?i:{named})", f"{_WORD}(?:(?i:{short})|{_ALONE})", f"[a-z](?:{camel})", _WITH_VALUE, _SCHEMES]
    # What may begin anywhere in a run of letters keeps the automaton busy with each letter of it.
    shapes = [_without_lead(shape.replace(r"\b", "")) for _, shape in SHAPES]
    return "(?s)" + "|".join([*by_name, *shapes, CARD, PEM, _USERINFO, _CURL])


def _without_lead(shape: str) -> str:
    lead = _LEADING.match(shape)
    return shape if lead is None else shape[lead.end() :]
