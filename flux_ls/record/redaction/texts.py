"""Secrets inside texts: which rules apply is told by a quick look, and most texts need none."""

import re
from collections.abc import Iterable
from typing import Final

from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.named import redact_named
from flux_ls.record.redaction.remembered import redacted
from flux_ls.record.redaction.sql import redact_sql
from flux_ls.record.redaction.tokens import (
    BOUNDARY,
    may_be_issued,
    redact_cards,
    redact_issued,
    redact_private_keys,
)
from flux_ls.record.redaction.values import is_opaque
from flux_ls.record.wire import REDACTED

_SHORTEST: Final = 5
_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 200

# What tokens are made of becomes `a`.
_CLASSES: Final = bytes(97 if re.match(rb"[A-Za-z0-9_~\-]", bytes([code])) else 32 for code in range(256))
_AFTER_NAME = re.compile(r":(?:(?<![0-9]:)|\s)")
_RUN: Final = b"a" * 17
_DIGITS: Final = bytes(48 if code in b"0123456789 -" else 32 for code in range(256))
_CARD_RUN: Final = b"0" * 14
_CARDLIKE = re.compile(r"[2-6][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{2}")

# In lower-case text: what follows the short ones has to be the end of the word.
_SECRET_NAME = re.compile(
    r"passw|pass.?(?:phrase|code|wort)|pass(?![a-z])|pwd|secret|token|authoriz|auth.?(?:code|key)|auth(?![a-z])|cookie"
    r"|cred|keys?(?![a-z])|key.?hash|sess|sid(?![a-z])|sig(?![a-z])|signature|codes?(?![a-z])|cv[vcn]|ssn|jwt|otp|iban"
    r"|pin(?![a-z])|pin.?(?:code|number)|card.?(?:n|cv|pin|sec)|cc.?n|social.?sec|debit.?card|bearer|phrase|mnemonic"
    r"|securitycode|assertion|kennwort|contrase|motdepasse|reset.?link|magic.?link"
)

_USERINFO = re.compile(r"://([^\s/?#\"'<>\\@:]*)(:?)([^\s/?#\"'<>\\@]*(?:@[^\s/?#\"'<>\\@]+(?=@))*)@")
_USERINFO_RAW = re.compile(r"://([^\s/?#\"'<>\\@:]{0,128}):(?![0-9]{1,5}[/?#])([^\s\"'<>\\@]{1,128})@")
_BEARER = re.compile(BOUNDARY + r"((?i:bearer)(?:\s|%20|\+){1,4})([A-Za-z0-9_\-.~+/%|]{6,}={0,2})")
_BASIC = re.compile(BOUNDARY + r"((?i:basic|negotiate|ntlm)(?:\s|%20){1,4})([A-Za-z0-9+/_\-]{6,}={0,2})")
_CURL_USER = re.compile(r"(\s(?:-u|--user)\s{0,2}[\"']?[^\s:\"']{1,64}:)([^\s\"']{1,128})")
_TOLD_BY_CASE = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")

# At the end of a text that was cut: how what would have been seen in one piece begins.
_LONGEST_HALF: Final = 4000
_HALF_ISSUED = re.compile(
    r"eyJ|A(?:KI|SI|BI|CC)A|AIza|ya29\.|GOCSPX-|gh[pousr]_|github_pat_|gl[a-z]{2,5}-|AT(?:ATT|CTT|BB)|xox[a-z]|xapp-"
    r"|[sr]k_(?:live|test)_|sk-|whsec_|sq0|shp[a-z]{2}_|SG\.|key-|npm_|pypi-|rubygems_|dckr_|xai-|do[oprt]_v1_|HRKU-"
    r"|(?:hf|gsk|r8|ntn|figd|lin_api|secret|sntry[su]|sb[pb]|pscale)_|hv[sbr]\.|dapi|PMAK-|NRAK-|gl(?:sa|c)_|pul-"
    r"|dp\.[a-z]{2,5}\.|AGE-SECRET|\$(?:2[abxy]|argon2|[156y])\$|pbkdf2|bcrypt|scrypt:|argon2|FwoGZ|IQoJb|\.atlasv1"
    r"|slack\.com/|/api/webhooks/|SK[0-9a-f]*\Z|1//0|[0-9]{8,10}:A|(?<![0-9a-f])[0-9a-f]{8,}\Z|Q~|(?:sig|sid|sess|session|code|signature)=[^&]*\Z|://[^/@]*\Z|://[^/@]*:(?![0-9]{1,5}/)[^@]*\Z"
)
_HALF_CARD = re.compile(r"(?<![\w.])[2-6][0-9](?:[ \-]?[0-9]){0,17}[ \-]?\Z")
_OPEN_ELEMENT = re.compile(r"<(?:[\w.\-]{1,40}:)?(?P<key>[\w.\-]{1,80})(?:\s[^<>]{0,200})?>(?P<value>[^<]*)\Z")
_OPEN_ENTRY = re.compile(r"(?P<key>)uplicate entry '(?P<value>[^']*)(?:'[a-z ]*)?\Z")
_SCHEME_BEFORE = re.compile(r"(?i:bearer|basic|negotiate|ntlm)[\s\"']+\Z")
_DELIMITERS: Final = " \t\r\n\"'<>(){},;"

_innocent: set[str] = set()
_extra_stems: tuple[str, ...] = ()


def configure(extra_keys: Iterable[str]) -> None:
    global _extra_stems
    words = (max(re.findall(r"[^\W\d_]+", key.lower()), key=len, default="") for key in extra_keys)
    _extra_stems = tuple(word for word in words if word)
    _innocent.clear()


def redact_text(text: str) -> str:
    """The text without secrets; the same text if there are none."""
    if len(text) < _SHORTEST or text in _innocent:
        return text
    if is_suspect(text):
        redacted = _redact(text)
        if redacted != text:
            return redacted
    if len(text) <= _LONGEST_REMEMBERED:
        if len(_innocent) >= _REMEMBERED:
            _innocent.clear()
        _innocent.add(text)
    return text


redact_url = redact_text


def redact_cut(text: str) -> str:
    """The beginning of a text that went on, without secrets and without half of one at its end."""
    text = redact_text(text).rstrip("\\")
    begin = text.rfind("-----BEGIN ")
    if begin >= 0 and text.find("-----END", begin) < 0:
        text = text[:begin]
    for opened in (_OPEN_ELEMENT, _OPEN_ENTRY):
        half = opened.search(text, max(0, len(text) - _LONGEST_HALF))
        if half is not None and (not half["key"] or verdict(half["key"]) is Verdict.SECRET):
            text = text[: half.start("value")]
    half = _HALF_CARD.search(text, max(0, len(text) - 24))
    if half is not None:
        text = text[: half.start()]
    start = max(0, len(text) - _LONGEST_HALF)
    at = 1 + max(text.rfind(mark, start) for mark in _DELIMITERS)
    run = text[at or start :]
    half = _HALF_ISSUED.search(run)
    if half is not None:
        return text[: len(text) - len(run) + half.start()]
    return text[:at] if run and _SCHEME_BEFORE.search(text, max(0, at - 16), at) is not None else text


def is_suspect(text: str) -> bool:
    """Whether a secret may be in the text, at a fraction of what finding it costs. Of several texts, joined: in any."""
    raw = text.encode("utf-8", "replace")
    classes = raw.translate(_CLASSES)
    if (_RUN in classes or "$" in text or "Q~" in text) and may_be_issued(text):
        return True
    if "@" in text and "://" in text:
        return True
    if _CARD_RUN in raw.translate(_DIGITS) and _CARDLIKE.search(text) is not None:
        return True
    if (
        "=" in text
        or (":" in text and _AFTER_NAME.search(text) is not None)
        or "--" in text
        or "'" in text
        or '"' in text
        or "</" in text
        or "%3" in text
        or "Key (" in text
    ):
        low = text.lower()
        return _names_secret(low) or "basic" in low or "curl" in low
    if " -u" in text or "uplicate entry" in text:
        return True
    low = text.lower()
    return "pass" in low or "bearer" in low or "basic" in low or "pin " in low or "otp " in low


def _names_secret(low: str) -> bool:
    """Whether the name of a secret may be in the text: first a chain, as nothing is quicker than that."""
    if _extra_stems and any(map(low.__contains__, _extra_stems)):
        return True
    return (
        "key" in low
        or "token" in low
        or "secret" in low
        or "pass" in low
        or "auth" in low
        or "pwd" in low
        or "code" in low
        or "cookie" in low
        or "sess" in low
        or "sid" in low
        or "sig" in low
        or "pin" in low
        or "card" in low
        or "cred" in low
        or "cc" in low
        or "cv" in low
        or "ssn" in low
        or "otp" in low
        or "jwt" in low
        or "iban" in low
        or "bearer" in low
        or "phrase" in low
        or "mnemonic" in low
        or "security" in low
        or "assertion" in low
        or "kennwort" in low
        or "passwort" in low
        or "contrase" in low
        or "motdepasse" in low
    ) and _SECRET_NAME.search(low) is not None


def _redact(text: str) -> str:
    if "-----BEGIN" in text:
        text = redact_private_keys(text)
    text = redact_issued(text)
    if "@" in text and "://" in text:
        text = _USERINFO_RAW.sub(_without_password, _USERINFO.sub(_without_user, text))
    low = text.lower()
    if "bearer" in low:
        text = _BEARER.sub(_without_bearer, text)
    if "basic" in low or "negotiate" in low or "ntlm" in low:
        text = _BASIC.sub(_without_basic, text)
    if "curl" in low:
        text = _CURL_USER.sub(lambda found: found[1] + redacted(found[2]), text)
    if _names_secret(low):
        text = redact_sql(redact_named(text))
    return redact_cards(text)


def _without_user(found: re.Match[str]) -> str:
    user, colon, password = found[1], found[2], found[3]
    if colon and password:
        return f"://{user}:{redacted(password)}@" if password != REDACTED else found[0]
    if is_opaque(user):
        return f"://{redacted(user)}{colon}@"
    return found[0]


def _without_password(found: re.Match[str]) -> str:
    return f"://{found[1]}:{redacted(found[2])}@" if found[2] != REDACTED else found[0]


def _without_bearer(found: re.Match[str]) -> str:
    token = found[2]
    told = any(map(str.isdigit, token)) or len(token) >= 20 or _TOLD_BY_CASE.search(token)
    return found[1] + redacted(token) if told else found[0]


def _without_basic(found: re.Match[str]) -> str:
    import base64
    import binascii

    token = found[2].rstrip("=")
    try:
        decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_" if {"-", "_"} & set(token) else None)
    except (binascii.Error, ValueError):
        # Cut short: what is there of it still tells.
        decoded = base64.b64decode(token[: len(token) // 4 * 4] or "")
    if b":" in decoded or len(token) >= 24 or decoded.startswith(b"NTLMSSP"):
        redacted(found[0])
        return found[1] + REDACTED
    return found[0]


__all__ = ["Verdict", "configure", "is_suspect", "redact_text", "redact_url", "verdict"]
