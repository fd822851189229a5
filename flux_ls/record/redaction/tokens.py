"""Secrets that show by their shape: issued keys and tokens, password hashes, private keys, card numbers.

The expressions are written so that Python's `re` and RE2 read them alike, and so that each is linear: ingest looks for
all of them in one pass.
"""

import re
from typing import Final

from flux_ls.record.wire import REDACTED

SHAPES: Final[tuple[tuple[str, str], ...]] = (
    # JSON Web Tokens, and the signed cookies of itsdangerous, which look alike.
    ("eyJ", r"\beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]{2,}(?:\.[A-Za-z0-9_\-]*){1,3}"),
    ("eyJ", r"\beyJ[A-Za-z0-9_\-]{6,}\.eyJ[A-Za-z0-9_\-]{6,}"),
    ("eyJ", r"\beyJ[A-Za-z0-9_\-]{6,}\.\.[A-Za-z0-9_\-]{6,}(?:\.[A-Za-z0-9_\-]*){0,3}"),
    # AWS
    ("AKIA ASIA ABIA ACCA", r"A(?:KI|SI|BI|CC)A[A-Z0-9]{12,}"),
    ("FwoGZXIvYXdz IQoJb3JpZ2lu", r"(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9/+=]{16,}"),
    # Google
    ("AIza", r"AIza[A-Za-z0-9_\-]{24,}"),
    ("ya29.", r"ya29\.[A-Za-z0-9_\-.]{16,}"),
    ("GOCSPX-", r"GOCSPX-[A-Za-z0-9_\-]{16,}"),
    ("1//0", r"\b1//0[A-Za-z0-9_\-]{24,}"),
    # Microsoft Entra
    ("Q~", r"[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,}"),
    # GitHub, GitLab, Bitbucket, Atlassian
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{16,}"),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{16,}"),
    (
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_\-]{16,}",
    ),
    ("ATATT3 ATCTT3 ATBB", r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_\-=]{24,}"),
    # Slack, Discord, Telegram
    ("xox", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{8,}"),
    ("xapp-", r"xapp-[0-9]-[A-Za-z0-9\-]{8,}"),
    ("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/]{8,}"),
    ("/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_\-]{8,}"),
    (":AA", r"\b[0-9]{8,10}:AA[A-Za-z0-9_\-]{32,}"),
    # Payment and mail
    ("sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{8,}"),
    ("whsec_", r"whsec_[A-Za-z0-9+/=]{16,}"),
    ("sq0atp- sq0csp-", r"sq0(?:atp|csp)-[A-Za-z0-9_\-]{16,}"),
    ("shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,}"),
    ("SK", r"\bSK[0-9a-f]{32}"),
    ("SG.", r"\bSG\.[A-Za-z0-9_\-]{12,}\.[A-Za-z0-9_\-]{12,}"),
    ("key-", r"\bkey-[0-9a-f]{32}"),
    ("-us", r"\b[0-9a-f]{32}-us[0-9]{1,2}"),
    # Package registries
    ("npm_", r"\bnpm_[A-Za-z0-9]{24,}"),
    ("pypi-AgE", r"pypi-AgE[A-Za-z0-9_\-]{16,}"),
    ("rubygems_", r"rubygems_[0-9a-f]{32,}"),
    ("dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{16,}"),
    # Language models
    ("sk-", r"\bsk-(?:ant|proj|svcacct|admin|or|lf)-[A-Za-z0-9_\-]{12,}"),
    ("sk-", r"\bsk-[A-Za-z0-9]{20,}"),
    ("hf_ gsk_ r8_", r"\b(?:hf|gsk|r8)_[A-Za-z0-9]{24,}"),
    ("xai-", r"\bxai-[A-Za-z0-9]{24,}"),
    # Infrastructure
    ("_v1_", r"\bdo[oprt]_v1_[0-9a-f]{24,}"),
    ("HRKU-", r"HRKU-[A-Za-z0-9_\-]{24,}"),
    ("hvs. hvb. hvr.", r"\bhv[sbr]\.[A-Za-z0-9_\-]{16,}"),
    ("dapi", r"\bdapi[0-9a-f]{32}"),
    ("lin_api_", r"lin_api_[A-Za-z0-9]{24,}"),
    ("ntn_", r"\bntn_[A-Za-z0-9]{24,}"),
    ("secret_", r"\bsecret_[A-Za-z0-9]{40,}"),
    ("PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{24,}"),
    ("NRAK-", r"NRAK-[A-Z0-9]{24,}"),
    ("glsa_ glc_", r"gl(?:sa|c)_[A-Za-z0-9+/=]{24,}(?:_[0-9a-f]{1,8})?"),
    (".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-]{24,}"),
    ("pul-", r"\bpul-[0-9a-f]{32,}"),
    ("dp.", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{24,}"),
    ("pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.]{24,}"),
    ("sbp_ sbb_", r"\bsb[pb]_[0-9a-f]{32,}"),
    ("pat", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("figd_", r"figd_[A-Za-z0-9_\-]{24,}"),
    ("sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9_=+/\-]{24,}"),
    ("AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{24,}"),
    # Password hashes
    ("$2", r"\$2[abxy]\$[0-9]{2}\$[A-Za-z0-9./]{20,}"),
    ("$argon2", r"\$argon2(?:id|i|d)\$[A-Za-z0-9$=,+/]{20,}"),
    ("$1$ $5$ $6$ $y$ $7$ $apr1$", r"\$(?:1|5|6|y|7|apr1)\$[A-Za-z0-9./=]{1,32}\$[A-Za-z0-9./$]{12,}"),
    ("bcrypt pbkdf2 argon2", r"(?:bcrypt|pbkdf2|argon2)(?:_sha(?:1|256|512))?\$+[A-Za-z0-9$=,./+]{20,}"),
    ("pbkdf2: scrypt:", r"(?:pbkdf2|scrypt):[a-z0-9:]{1,40}\$[A-Za-z0-9]{4,}\$[0-9a-f]{24,}"),
)
"""Secrets that are told by themselves: texts of which one is in it, and an expression. Webhooks are such: who knows the
address may write."""

# A letter after a backslash is the end of an escape, as in the text of a JSON document, and so are two digits after a
# percent sign.
_ESCAPED: Final = r"|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"
BOUNDARY: Final = r"(?:(?<![A-Za-z0-9_])" + _ESCAPED
_RUN_START: Final = r"(?:(?<![A-Za-z0-9_\-])" + _ESCAPED
"""Where the dash belongs to what follows: one attempt for each run, or the search would not be linear."""

_BY_LITERAL: Final = tuple(
    (literal, re.compile(shape.replace(r"\b", _RUN_START if literal == "eyJ" else BOUNDARY, 1)))
    for literals, shape in SHAPES
    for literal in literals.split()
)
_LITERALS: Final = tuple(dict.fromkeys(literal for literal, _ in _BY_LITERAL))
_WITH_LOW_LINE: Final = tuple(literal for literal in _LITERALS if "_" in literal)
_WITH_DASH: Final = tuple(literal for literal in _LITERALS if "-" in literal and "_" not in literal)
_OTHERS: Final = tuple(literal for literal in _LITERALS if not {"-", "_"} & set(literal))

_HOST_KEPT = re.compile(r"(hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/)")

PEM: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_BEGIN = re.compile(PEM)
_PEM_EDGE = re.compile(r"-----(?:BEGIN|(END)) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=]{16}")

CARD: Final = r"[2-6][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{2,4}|3[0-9]{3}[ \-]?[0-9]{6}[ \-]?[0-9]{4,5}"
"""What may be the number of a payment card."""
_CARD = re.compile(
    BOUNDARY + r"(?<![0-9][.\-])(?:"
    r"[2456][0-9]{3}([ \-]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4}"
    r"|35[0-9]{2}([ \-]?)[0-9]{4}\2[0-9]{4}\2[0-9]{4}|3[0-9]{3}([ \-]?)[0-9]{6}\3[0-9]{4,5}"
    r")(?![A-Za-z0-9_]|[.\-][0-9])"
)
_ISSUERS = re.compile(
    # Visa; Mastercard; Discover; JCB; UnionPay; American Express; Diners Club
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|62\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
)


def redact_issued(text: str) -> str:
    """Without keys and tokens that show by their shape."""
    for literal, shape in _BY_LITERAL:
        if literal in text:
            text = shape.sub(_without, text)
    return text


def may_be_issued(text: str) -> bool:
    return (
        any(map(text.__contains__, _OTHERS))
        or ("_" in text and any(map(text.__contains__, _WITH_LOW_LINE)))
        or ("-" in text and ("-----BEGIN " in text or any(map(text.__contains__, _WITH_DASH))))
    )


def redact_cards(text: str) -> str:
    return _CARD.sub(lambda found: REDACTED if is_card(found[0]) else found[0], text)


def is_card(digits: str) -> bool:
    """Whether this is the number of a payment card: the issuer's prefix, its length, and the check digit."""
    digits = digits.replace(" ", "").replace("-", "")
    if _ISSUERS.fullmatch(digits) is None:
        return False
    odd = sum(map(int, digits[-1::-2]))
    even = sum(digit * 2 - 9 * (digit > 4) for digit in map(int, digits[-2::-2]))
    return (odd + even) % 10 == 0 and len(set(digits)) > 1


def redact_private_keys(text: str) -> str:
    """Without PEM blocks of private keys, whatever their line ends look like."""
    parts: list[str] = []
    at = 0
    begin = _PEM_BEGIN.search(text)
    while begin is not None:
        edge = _PEM_EDGE.search(text, begin.end())
        stop = edge.start() if edge is not None else len(text)
        if _PEM_BODY.search(text, begin.end(), stop) is not None:
            parts += (text[at : begin.start()], REDACTED)
            at = edge.end() if edge is not None and edge[1] else stop
        begin = _PEM_BEGIN.search(text, stop)
    parts.append(text[at:])
    return "".join(parts)


def _without(found: re.Match[str]) -> str:
    kept = _HOST_KEPT.match(found[0])
    return kept[1] + REDACTED if kept is not None else REDACTED
