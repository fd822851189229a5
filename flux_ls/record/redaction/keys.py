"""Which names stand for secrets: judged by the words that a name is made of, never by parts of words."""

import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final


class Verdict(IntEnum):
    """What a name says about its value."""

    OPEN = 0
    SECRET = 1
    """Whatever the value is."""
    OPAQUE = 2
    """If the value is a text that nobody can read: `session` may be an identifier, or a title."""
    CODE = 3
    """If the value is a short number: `pin`."""
    TEXT = 4
    """If the value is a text that is no path, or a pair of them: `auth`, and `pwd`, which is a folder as well."""
    COUNTABLE = 5
    """Unless the value is a number: `tokens`."""


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A name is secret if one of these is in it, and the last word does not say otherwise.
SECRET_WORDS: Final = word_set("""
    password passwords passwd passwds passphrase passphrases passcode passcodes passwort kennwort motdepasse
    contrasena
    secret secrets credential credentials creds
    token authorization cookie cookies jwt otp totp hotp
    apikey apikeys accesskey secretkey privatekey privkey authkey encryptionkey signingkey masterkey
    accesstokens refreshtokens authtokens apitokens
    cvv cvc cvn ssn iban mnemonic bearer htpasswd
    sessionid sessionids sessid phpsessid jsessionid sessionkey sessiontoken aspsessionid connectsid
    passwordhash passwordconfirm passwordconfirmation passwordsalt tokenhash secrethash
    creditcard cardnumber cardno ccnumber ccnum ccno cardcvv cardcvc securitycode
    """)
# Words that are glued to others: `dbpassword`, `csrftoken`.
SECRET_ENDINGS: Final = ("password", "passwd", "passphrase", "apikey", "secret", "token", "secretkey", "privatekey")

SECRET_PAIRS: Final[frozenset[tuple[str, ...]]] = frozenset(
    tuple(pair.split("_"))
    for pair in word_set("""
    pass_phrase pass_word pass_code auth_code authorization_code auth_key otp_code mfa_code totp_code sms_code
    security_code verification_code recovery_code recovery_codes backup_code backup_codes login_code pairing_code
    session_id session_ids session_key session_cookie sess_id
    api_key api_keys access_key access_keys secret_key secret_keys private_key private_keys priv_key
    encryption_key decryption_key signing_key signature_key master_key account_key service_key
    shared_key ssh_key ssl_key tls_key rsa_key aes_key hmac_key fernet_key gpg_key pgp_key
    license_key licence_key client_key server_key app_key application_key admin_key subscription_key functions_key
    deploy_key webhook_key consumer_key wrapping_key jwt_key crypt_key cipher_key
    card_number card_no cc_number cc_num credit_card debit_card card_cvv card_pin card_security
    social_security seed_phrase recovery_phrase secret_id password_hint amz_signature goog_signature
    access_tokens refresh_tokens api_tokens auth_tokens session_tokens bearer_tokens csrf_tokens id_tokens
    pin_code pin_number client_assertion secret_message reset_link magic_link
    """)
)

SECOND_WORDS: Final = frozenset(pair[1] for pair in SECRET_PAIRS)
"""What makes a secret of the word before: in prose, they stand apart."""

# What follows the secret's name tells that this is about it and not itself: `token_count`, `password_reset_at`.
_OPEN_TAILS: Final = word_set("""
    count counts number_of total totals at on in time timestamp date datetime day days hour hours minute minutes second
    seconds ms expires expiry expired expiration expire ttl age lifetime duration since until
    type types kind length len size sizes bytes limit limits max min minimum maximum range
    url urls uri uris endpoint endpoints path paths file files filename dir directory folder location
    name names label labels title placeholder description field fields column columns table
    param params parameter parameters prefix suffix pattern regex format
    id ids uuid guid arn
    policy policies strength score reset resets required requirement requirements enabled disabled valid invalid
    validity validated validator validators validation verified status state changed updated created issued revoked
    rotated rotation used usage uses remaining version versions
    algorithm algorithms algo alg hasher hashers class classes model models provider providers backend backends service
    services scheme schemes method methods mode modes flow flows grant strategy
    index idx pos position offset line span
    manager store stores storage vault form forms view views page pages template templates button email mail
    server servers
    error errors message messages exception warning attempt attempts retry retries failure failures
    bucket buckets budget rate cost costs price per quota usd cap capacity window
    domain secure httponly samesite same partitioned consent banner policy notice jar
    question questions santa level present missing found match matches matched mismatch set exists is
    generator factory builder handler loader getter reader parser writer middleware serializer schema hint
    scope scopes audience issuer owner user username
    """)
_OPEN_HEADS: Final = word_set("is has have needs need should can must requires show hide allow use uses")
# `next_page_token` is a cursor; `eos_token` belongs to a language model.
OPEN_BEFORE: Final = {
    "token": word_set("""
        page next continuation pagination paging resume sync cursor previous prev cancellation cancel stop start
        eos bos pad unk mask sep cls special syntax lexer begin end eof whitespace unexpected expected
        """),
    "credentials": frozenset({"allow", "with", "include", "same"}),
    "secret": frozenset({"top"}),
}
_COUNTED_BEFORE: Final = word_set("""
    max min total prompt completion input output num n number cached reasoning audio text image used remaining
    estimated avg average per limit budget thinking creation read context count of generated expected
    """)

_BY_VALUE: Final = {
    "session": Verdict.OPAQUE,
    "sid": Verdict.OPAQUE,
    "sess": Verdict.OPAQUE,
    "sig": Verdict.OPAQUE,
    "pin": Verdict.CODE,
    "auth": Verdict.TEXT,
    "pwd": Verdict.TEXT,
    "tokens": Verdict.COUNTABLE,
}

_ALONE: Final = {"code": Verdict.OPAQUE, "signature": Verdict.OPAQUE, "pass": Verdict.TEXT}
_PASS_BEFORE: Final = word_set("""
    user db database smtp imap mail email admin root ftp sftp redis mysql pg postgres rabbitmq amqp proxy key cert
    http basic login new old my auth
    """)

_KEPT_NAMES: Final = 8192
_LONGEST_NAME: Final = 200
_verdicts: dict[str, Verdict] = {}
_extra: frozenset[tuple[str, ...]] = frozenset()

on_configure: Final[list[Callable[[], None]]] = []
"""What has to be forgotten by who remembers verdicts."""


def configure(extra_keys: Iterable[str]) -> None:
    """More names that are secret, in any spelling: `tax_number` is `taxNumber` and `X-Tax-Number` as well."""
    global _extra
    _extra = frozenset(words for key in extra_keys if (words := words_of(key)))
    _verdicts.clear()
    for forget in on_configure:
        forget()


def is_secret_key(name: str) -> bool:
    """Whether what has this name is a secret, whatever it is."""
    return verdict(name) is Verdict.SECRET


def verdict(name: str) -> Verdict:
    """What the name says about its value."""
    known = _verdicts.get(name)
    if known is not None:
        return known
    found = _judge(words_of(name[-_LONGEST_NAME:]))
    if len(_verdicts) >= _KEPT_NAMES:
        _verdicts.clear()
    if len(name) <= _LONGEST_NAME:
        _verdicts[name] = found
    return found


def words_of(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _judge(words: tuple[str, ...]) -> Verdict:
    if not words:
        return Verdict.OPEN
    if _extra and _contains_extra(words):
        return Verdict.SECRET
    last = words[-1]
    if words[0] in _OPEN_HEADS:
        return Verdict.OPEN
    if last in _OPEN_TAILS and last not in SECRET_WORDS and words[-2:] not in SECRET_PAIRS:
        return Verdict.OPEN
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if (before, word) in SECRET_PAIRS:
            return Verdict.SECRET
        if word in SECRET_WORDS or word.endswith(SECRET_ENDINGS):
            if before in OPEN_BEFORE.get(word, ()):
                continue
            return Verdict.SECRET
    if last == "tokens" and len(words) > 1 and not _COUNTED_BEFORE.isdisjoint(words[:-1]):
        return Verdict.OPEN
    if last == "pass" and words[-2:-1] and words[-2] in _PASS_BEFORE:
        return Verdict.TEXT
    if len(words) == 1 and last in _ALONE:
        return _ALONE[last]
    return _BY_VALUE.get(last, Verdict.OPEN)


def _contains_extra(words: tuple[str, ...]) -> bool:
    glued = "".join(words)
    return any(
        "".join(extra) == glued or any(words[at : at + len(extra)] == extra for at in range(len(words)))
        for extra in _extra
    )
