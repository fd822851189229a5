"""Secrets as they turn up in applications: none is real, and all are put together here, so that no scanner finds them.

Each is a carrier, what an application would have in its hands, and the secret in it, of which nothing may remain.
"""

import base64
import json
import random
import string
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

Where = Literal["header", "body", "argument", "local", "parameter", "url", "message"]


class Secret(NamedTuple):
    where: Where
    carrier: Any
    """header: pairs; body: content type and bytes; argument, local: name and value; parameter: statement and its
    parameters; url, message: a text."""
    secret: str


def _made(alphabet: str, length: int, seed: int) -> str:
    chance = random.Random(f"{alphabet}{length}{seed}")
    return "".join(chance.choice(alphabet) for _ in range(length))


def alnum(length: int, seed: int = 0) -> str:
    return _made(string.ascii_letters + string.digits, length, seed)


def hexes(length: int, seed: int = 0) -> str:
    return _made("0123456789abcdef", length, seed)


def upper(length: int, seed: int = 0) -> str:
    return _made(string.ascii_uppercase + string.digits, length, seed)


def url_safe(length: int, seed: int = 0) -> str:
    return _made(string.ascii_letters + string.digits + "_-", length, seed)


def word(seed: int) -> str:
    """A password somebody made up."""
    return f"Tr0ub4dor{_made(string.ascii_lowercase, 5, seed)}{seed}"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def part_of_token(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode().rstrip("=")


def web_token(seed: int) -> str:
    head = part_of_token({"alg": "HS256", "typ": "JWT"})
    return f"{head}.{part_of_token({'sub': f'user-{seed}', 'iat': 1700000000 + seed})}.{url_safe(43, seed)}"


def card(start: str, length: int, seed: int) -> str:
    """A number that passes Luhn's check."""
    digits = start + _made(string.digits, length - len(start) - 1, seed)
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if at % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return digits + str(-total % 10)


def spaced(number: str, mark: str = " ") -> str:
    return mark.join((number[:4], number[4:8], number[8:12], number[12:]))


def private_key(kind: str, seed: int) -> str:
    dashes = "-" * 5
    body = "\n".join(_made(string.ascii_letters + string.digits + "+/", 64, seed * 10 + line) for line in range(4))
    return f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}\n{body}\n{dashes}END {kind}PRIVATE KEY{dashes}"


ISSUED: tuple[str, ...] = (
    web_token(1),
    "AKI" + "A" + upper(16, 1),
    "ASI" + "A" + upper(16, 2),
    "AI" + "za" + url_safe(35, 1),
    "ya2" + "9." + url_safe(60, 1),
    "GOC" + "SPX-" + url_safe(28, 1),
    "1/" + "/0" + url_safe(40, 1),
    alnum(3, 9) + "8" + "Q~" + alnum(34, 9),
    *("gh" + f"{kind}_" + alnum(36, number) for number, kind in enumerate("pousr")),
    "github" + "_pat_" + alnum(22, 3) + "_" + alnum(59, 3),
    "gl" + "pat-" + url_safe(20, 1),
    "gl" + "dt-" + url_safe(20, 2),
    "xox" + "b-" + _made(string.digits, 12, 1) + "-" + alnum(24, 1),
    "xox" + "p-" + _made(string.digits, 12, 2) + "-" + alnum(24, 2),
    "xap" + "p-1-" + upper(11, 1) + "-" + hexes(64, 1),
    "sk_" + "live_" + alnum(24, 1),
    "sk_" + "test_" + alnum(24, 2),
    "rk_" + "live_" + alnum(24, 3),
    "whs" + "ec_" + alnum(32, 1),
    "SK" + hexes(32, 1),
    "SG" + "." + alnum(22, 1) + "." + alnum(43, 1),
    "key" + "-" + hexes(32, 2),
    hexes(32, 3) + "-u" + "s12",
    "np" + "m_" + alnum(36, 1),
    "pypi-" + "AgE" + url_safe(80, 1),
    "rubyge" + "ms_" + hexes(48, 1),
    "dck" + "r_pat_" + url_safe(27, 1),
    "sk" + "-ant-api03-" + url_safe(93, 1),
    "sk" + "-proj-" + alnum(48, 1),
    "sk" + "-" + alnum(48, 2),
    "h" + "f_" + alnum(34, 1),
    "gs" + "k_" + alnum(52, 1),
    "dop" + "_v1_" + hexes(64, 1),
    "HR" + "KU-" + url_safe(60, 1),
    "hv" + "s." + url_safe(24, 1),
    "da" + "pi" + hexes(32, 4),
    "lin_" + "api_" + alnum(40, 1),
    "PM" + "AK-" + hexes(24, 1) + "-" + hexes(34, 1),
    "NR" + "AK-" + upper(27, 1),
    "gls" + "a_" + alnum(32, 1) + "_" + hexes(8, 1),
    "shp" + "at_" + hexes(32, 1),
    "sq0" + "atp-" + url_safe(22, 1),
    "pul" + "-" + hexes(40, 1),
    "sb" + "p_" + hexes(40, 1),
    "fig" + "d_" + url_safe(40, 1),
    _made(string.digits, 10, 5) + ":A" + "A" + url_safe(33, 1),
    "$2" + "b$12$" + alnum(53, 1),
    "$arg" + "on2id$v=19$m=65536,t=3,p=4$" + alnum(22, 1) + "$" + alnum(43, 1),
    "pbkdf2" + "_sha256$600000$" + alnum(22, 2) + "$" + alnum(43, 2) + "=",
    "scry" + "pt:32768:8:1$" + alnum(16, 1) + "$" + hexes(128, 1),
)
"""What shows by its shape, wherever it stands."""

_CARDS = (
    card("4", 16, 1),
    card("51", 16, 2),
    card("2221", 16, 3),
    card("6011", 16, 4),
    card("3528", 16, 5),
    card("37", 15, 6),
    card("36", 14, 7),
    card("62", 16, 8),
)
_KEYS = (private_key("RSA ", 1), private_key("", 2), private_key("EC ", 3), private_key("OPENSSH ", 4))


def _headers() -> list[Secret]:
    names = (
        "authorization",
        "Proxy-Authorization",
        "X-Api-Key",
        "X-API-Token",
        "X-Auth-Token",
        "X-CSRF-Token",
        "X-XSRF-TOKEN",
        "X-Amz-Security-Token",
        "X-Vault-Token",
        "X-Goog-Api-Key",
        "X-Functions-Key",
        "Ocp-Apim-Subscription-Key",
        "X-Shopify-Access-Token",
        "apikey",
        "X-Client-Secret",
        "X-Access-Key",
        "X-Session-Id",
        "X-Session-Token",
        "Private-Token",
        "X-User-Password",
    )
    found = [
        Secret("header", [(name, word(number)), ("accept", "*/*")], word(number)) for number, name in enumerate(names)
    ]
    basic = base64_of("ada:" + word(30))
    found += [
        Secret("header", [("Authorization", "Basic " + basic)], basic),
        Secret("header", [("Authorization", "Bearer " + web_token(31))], web_token(31)),
        Secret("header", [("Authorization", f'Digest username="ada", response="{hexes(32, 32)}"')], hexes(32, 32)),
        Secret("header", [("authorization", f"Token token={word(33)}")], word(33)),
        Secret("header", [(b"authorization", b"Bearer " + word(34).encode())], word(34)),
        Secret("header", [("Cookie", f"theme=dark; sessionid={hexes(32, 35)}; lang=en")], hexes(32, 35)),
        Secret("header", [("Set-Cookie", f"session={url_safe(40, 36)}; Path=/; HttpOnly")], url_safe(40, 36)),
        Secret("header", [("set-cookie", f"a={word(37)}; Path=/"), ("set-cookie", "b=2")], word(37)),
        Secret("header", [("referer", f"https://shop.example/reset?token={word(38)}")], word(38)),
        Secret("header", [("location", f"/callback#access_token={word(39)}&token_type=bearer")], word(39)),
        Secret("header", [("link", f"<https://u:{word(40)}@api.example/2>; rel=next")], word(40)),
        Secret("header", [("x-forwarded-authorization", word(41))], word(41)),
        Secret("header", [("x-trace", "sent with " + "gh" + "p_" + alnum(36, 42))], alnum(36, 42)),
    ]
    return found


def _bodies() -> list[Secret]:
    json_type, form_type = "application/json", "application/x-www-form-urlencoded"
    fields = (
        "password",
        "passwd",
        "new_password",
        "passwordConfirmation",
        "current-password",
        "password2",
        "secret",
        "clientSecret",
        "api_key",
        "apiKey",
        "access_token",
        "refreshToken",
        "id_token",
        "privateKey",
        "credentials",
        "otp",
        "cvv",
        "cvc",
        "ssn",
        "cardNumber",
        "securityCode",
        "csrfmiddlewaretoken",
        "authenticity_token",
        "session_token",
        "db_password",
        "encryption_key",
        "recovery_code",
        "totp_code",
        "client_assertion",
        "mnemonic",
    )
    found = []
    for number, name in enumerate(fields, 100):
        body = json.dumps({"user": {"email": "ada@example.com", name: word(number)}, "plan": "free"}).encode()
        found.append(Secret("body", (json_type, body), word(number)))
    for number, name in enumerate(fields[:14], 200):
        body = f"email=ada%40example.com&{quote(name)}={quote(word(number))}&plan=free".encode()
        found.append(Secret("body", (form_type, body), word(number)))
    nested = json.dumps({"event": "login", "payload": json.dumps({"user": "ada", "password": word(220)})})
    deeper = json.dumps({"raw": json.dumps({"inner": json.dumps({"token": word(221), "n": 1})})})
    boundary = "----flux"
    multipart = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="email"\r\n\r\nada@example.com\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="password"\r\n\r\n{word(222)}\r\n--{boundary}--\r\n'
    )
    found += [
        Secret("body", (json_type, nested.encode()), word(220)),
        Secret("body", (json_type, deeper.encode()), word(221)),
        Secret("body", (f"multipart/form-data; boundary={boundary}", multipart.encode()), word(222)),
        Secret(
            "body", ("text/xml", f"<user><name>Ada</name><password>{word(223)}</password></user>".encode()), word(223)
        ),
        Secret("body", ("text/plain", f"user: ada\npassword: {word(224)}\nplan: free".encode()), word(224)),
        Secret("body", (None, f'{{"token": "{word(225)}"}}'.encode()), word(225)),
        Secret("body", (json_type, f'{{"a": 1, "password": "{word(226)}'.encode()), word(226)),
        Secret("body", (json_type, json.dumps([["password", word(227)], ["plan", "free"]]).encode()), word(227)),
        Secret("body", (json_type, json.dumps([{"name": "password", "value": word(228)}]).encode()), word(228)),
        Secret("body", (json_type, json.dumps({"card": {"number": spaced(_CARDS[0])}}).encode()), spaced(_CARDS[0])),
        Secret("body", (json_type, json.dumps({"pay": _CARDS[1]}).encode()), _CARDS[1]),
        Secret("body", (json_type, json.dumps({"pay": int(_CARDS[2])}).encode()), _CARDS[2]),
        Secret("body", (json_type, json.dumps({"pem": _KEYS[0]}).encode()), _KEYS[0].split("\n")[2]),
        Secret("body", (json_type, json.dumps({"pin": "493817", "plan": "free"}).encode()), "493817"),
        Secret(
            "body",
            (json_type, json.dumps({"tokens": [word(229), word(230)], "auth": ["ada", word(231)]}).encode()),
            word(231),
        ),
        Secret(
            "body", ("text/html", f'<input type="hidden" name="csrf_token" value="{word(232)}">'.encode()), word(232)
        ),
        Secret("body", ("application/x-yaml", f"db:\n  user: ada\n  password: {word(233)}\n".encode()), word(233)),
        Secret("body", (form_type, f"user[password]={word(234)}&user[name]=ada".encode()), word(234)),
        Secret(
            "body",
            ("application/graphql", f'mutation {{ login(user: "ada", password: "{word(235)}") {{ id }} }}'.encode()),
            word(235),
        ),
    ]
    return found


class Login:
    def __init__(self, password: str) -> None:
        self.user = "ada"
        self.password = password


def _values() -> list[Secret]:
    found = [
        Secret("argument" if number % 2 else "local", ("value", f"used {token} today"), token)
        for number, token in enumerate(ISSUED)
    ]
    found += [Secret("argument", ("payload", {"list": [1, {"deep": (token,)}]}), token) for token in ISSUED[::4]]
    found += [
        Secret("local", ("number", spaced(number, mark)), spaced(number, mark))
        for number, mark in ((_CARDS[0], " "), (_CARDS[1], "-"), (_CARDS[3], " "), (_CARDS[7], ""))
    ]
    found += [
        Secret("argument", ("password", word(300)), word(300)),
        Secret("argument", ("user", Login(word(301))), word(301)),
        Secret("argument", ("self", {"login": Login(word(302))}), word(302)),
        Secret("local", ("kwargs", {"api_key": word(303).encode()}), word(303)),
        Secret("local", ("pairs", [("password", word(304))]), word(304)),
        Secret("local", ("argv", ["mysql", "--password", word(305)]), word(305)),
        Secret("local", ("argv", ["mysql", f"--password={word(306)}"]), word(306)),
        Secret("local", ("raw", f"password={word(307)}&plan=free".encode()), word(307)),
        Secret("local", ("error", ValueError(f"bad password: {word(308)}")), word(308)),
        Secret("local", ("text", json.dumps({"password": word(309)})), word(309)),
        Secret("local", ("by_token", {"gh" + "p_" + alnum(36, 310): "ada"}), alnum(36, 310)),
        Secret("local", ("auth", ("ada", word(311))), word(311)),
        Secret("local", ("session", hexes(40, 312)), hexes(40, 312)),
        Secret("local", ("key", _KEYS[1]), _KEYS[1].split("\n")[1]),
        Secret("local", ("key", repr(_KEYS[2])), _KEYS[2].split("\n")[3]),
        Secret("local", ("pins", {"user_pin": 4938}), "4938"),
        Secret("local", ("environ", {"HOME": "/home/ada", "AWS_SECRET_ACCESS_KEY": alnum(40, 313)}), alnum(40, 313)),
        Secret("local", ("settings", {"SECRET_KEY": alnum(50, 314), "DEBUG": True}), alnum(50, 314)),
        Secret("local", ("text", f"{'x' * 5000} password={word(315)}"), word(315)),
        Secret("local", ("text", f"{'x ' * 2044} {ISSUED[8]} and so on " + "y" * 3000), ISSUED[8]),
        Secret("local", ("card", int(_CARDS[4])), _CARDS[4]),
    ]
    return found


def _parameters() -> list[Secret]:
    return [
        Secret(
            "parameter",
            ("INSERT INTO users (email, password) VALUES (?, ?)", f"('ada@example.com', '{word(400)}')"),
            word(400),
        ),
        Secret(
            "parameter",
            ("INSERT INTO users (email, password_hash) VALUES (%s, %s)", f"('ada', '{word(401)}')"),
            word(401),
        ),
        Secret(
            "parameter",
            ("UPDATE users SET password=?, plan=? WHERE users.id = ?", f"('{word(402)}', 'pro', 7)"),
            word(402),
        ),
        Secret(
            "parameter", ("UPDATE users SET plan=$1, api_key=$2 WHERE id = $3", f"('pro', '{word(403)}', 7)"), word(403)
        ),
        Secret("parameter", ("SELECT * FROM t WHERE token = ?", f"('{word(404)}',)"), word(404)),
        Secret("parameter", ('SELECT * FROM t WHERE a = ? AND "t"."token" = ?', f"(1, '{word(405)}')"), word(405)),
        Secret(
            "parameter",
            ("INSERT INTO users (email, password) VALUES (?, ?)", f"[('a', '{word(406)}'), ('b', '{word(407)}')]"),
            word(407),
        ),
        Secret("parameter", ("SELECT * FROM t WHERE token = :token", str({"token": word(408)})), word(408)),
        Secret(
            "parameter", ("INSERT INTO users (password) VALUES (%(password)s)", str({"password": word(409)})), word(409)
        ),
        Secret("parameter", (f"UPDATE users SET password = '{word(410)}' WHERE id = 7", "()"), word(410)),
        Secret(
            "parameter", (f"INSERT INTO users (id, email, password) VALUES (1, 'ada', '{word(411)}')", "()"), word(411)
        ),
        Secret("parameter", (f"INSERT INTO t (a, token) VALUES (1, 'x'), (2, '{word(412)}')", "()"), word(412)),
        Secret("parameter", (f"SELECT * FROM t WHERE api_token IN ('{word(413)}')", "()"), word(413)),
        Secret("parameter", (f"SELECT * FROM t WHERE \"password\" <> '{word(414)}'", "()"), word(414)),
        Secret("parameter", (f"CREATE USER ada WITH PASSWORD '{word(415)}'", "()"), word(415)),
        Secret("parameter", (f"ALTER ROLE ada PASSWORD '{word(416)}' VALID UNTIL 'infinity'", "()"), word(416)),
        Secret("parameter", ("INSERT INTO keys (name, value) VALUES (?, ?)", f"('ci', '{ISSUED[9]}')"), ISSUED[9]),
        Secret(
            "parameter",
            (f"INSERT INTO t (a, password) VALUES (now(), crypt('{word(417)}', gen_salt('bf')))", "()"),
            word(417),
        ),
    ]


def _urls() -> list[Secret]:
    texts = (
        "postgres://shop:{}@db.internal:5432/shop",
        "redis://:{}@cache:6379/0",
        "amqp://guest:{}@mq//vhost",
        "https://ada:{}@git.example/repo.git",
        "mongodb+srv://u:{}@cluster0.example/?retryWrites=true",
        "https://shop.example/login?token={}&next=/",
        "https://shop.example/?a=1&api_key={}",
        "https://shop.example/cb?client_secret={}#top",
        "https://shop.example/cb#access_token={}&state=1",
        "/reset?password={}",
        "/v1/users?apikey={}&page=2",
        "https://s.example/o?X-Amz-Credential={}&X-Amz-Date=20240101T000000Z",
        "https://s.example/o?X-Amz-Signature={}",
        "https://s.example/o?sv=2022&sessionid={}",
        "https://shop.example/?redirect=https%3A%2F%2Fx%2F%3Ftoken%3D{}%26a%3D1",
        "jdbc:mysql://db/shop?user=ada&password={}",
        "Server=db;Database=shop;Uid=sa;Pwd={};Encrypt=yes",
        "host=db user=ada password={} dbname=shop",
        "wss://x.example/socket?auth_token={}",
        "https://shop.example/?jwt={}",
    )
    return [Secret("url", text.format(word(number)), word(number)) for number, text in enumerate(texts, 500)] + [
        Secret("url", f"https://oauth2:{ISSUED[14]}@gitlab.example/a.git", ISSUED[14]),
        Secret("url", f"https://{hexes(40, 530)}@api.example/", hexes(40, 530)),
        Secret("url", "https://hooks." + "slack.com/services/T0000/B0000/" + alnum(24, 531), alnum(24, 531)),
        Secret("url", f"https://x.example/o?sig={alnum(43, 532)}&se=2024", alnum(43, 532)),
    ]


def _messages() -> list[Secret]:
    texts = (
        "login failed for ada with password={}",
        "could not log in: password: {} is wrong",
        "invalid password '{}' for user ada",
        'wrong password "{}"',
        "the password is {}",
        "KeyError in {{'user': 'ada', 'password': '{}'}}",
        'cannot parse {{"access_token": "{}", "expires_in": 3600}}',
        'cannot parse "{{\\"access_token\\": \\"{}\\"}}"',
        "User(id=1, password='{}', plan='free')",
        "Settings(api_key=SecretStr('{}'), debug=True)",
        "unauthorized: Authorization: Bearer {}",
        "curl -H 'Authorization: Token {}' https://api.example/",
        "curl -u ada:{} https://api.example/",
        "mysql --password {} -h db",
        "mysql --password={} -h db",
        "Key (api_token)=({}) already exists.",
        "Duplicate entry '{}' for key 'users.api_token'",
        "headers: [('authorization', '{}'), ('accept', '*/*')]",
        "headers: [[b'authorization', b'{}']]",
        "env: DB_PASSWORD={} HOME=/root",
        "export SECRET_KEY={}",
        "Set-Cookie: sid={}; Path=/",
        "Cookie: a=1; sid={}",
        "API key: {} was rejected",
        "access token = {}",
        "client_secret: {}\nscope: read",
        "<password>{}</password>",
        '<wsse:Password Type="text">{}</wsse:Password>',
        "password := {}",
        '{{:password=>"{}"}}',
        "password%3D{}%26plan%3Dfree",
        "line one\nline two secret={}\nline three",
        "log: line one\\npassword: {}\\nline three",
        "Failing: login(user='ada', passwd='{}')",
        "psycopg.connect('host=db password={}')",
        "token={}",
        "passphrase: {}",
        "session_id={}",
    )
    found = [Secret("message", text.format(word(number)), word(number)) for number, text in enumerate(texts, 600)]
    found += [Secret("message", f"rejected: {token}", token) for token in ISSUED[1::3]]
    found += [Secret("message", f"charge {number} failed", number) for number in _CARDS]
    found += [
        Secret("message", f"with {_KEYS[3]} in it", _KEYS[3].split("\n")[4]),
        Secret("message", f"cut: {_KEYS[0][:180]}", _KEYS[0].split("\n")[1]),
        Secret("message", f"Basic {base64_of('ada:' + word(700))} was refused", base64_of("ada:" + word(700))),
        Secret("message", f"sent bearer {web_token(701)}", web_token(701)),
        Secret("message", f"sent Bearer {alnum(40, 702)}", alnum(40, 702)),
    ]
    return found


SECRETS: tuple[Secret, ...] = (*_headers(), *_bodies(), *_values(), *_parameters(), *_urls(), *_messages())
