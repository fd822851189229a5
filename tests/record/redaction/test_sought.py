"""Which secrets are looked for beyond their names, and what of a value that was redacted is one."""

import base64

import pytest

from flux_ls.record.redaction.sought import LONGEST, is_sought, parts_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hunter2000", True),
        ("correct horse battery staple", True),
        ("the quick brown fox", True),
        ("p@ss w0rd", True),
        ("hunter", True),  # a word, but none that stands in any text
        ("Zoë-ключ-🔑", True),
        ("481516", True),
        ("8f14e45fceea167a5a36dedd4bea2543", True),
        ("s" * 20 + "e" * 20 + "c", True),
        # Too short, or nothing that differs.
        ("abc12", False),
        ("", False),
        ("      ", False),
        ("000000", False),
        ("abababababab", False),
        ("********", False),
        ("--------=", False),
        ("a1b2" * (LONGEST // 4) + "!", False),
        # What stands in any text.
        ("password", False),
        ("Password", False),
        ("default", False),
        ("required", False),
        ("[redacted]", False),
        ("Bearer [redacted]", False),
        # What forms say about a field under its name.
        ("This field is required.", False),
        ("Field required", False),
        ("Missing data for required field.", False),
        ("can't be blank", False),
        ("The password field is required", False),
        ("Ensure this value has at least 8 characters", False),
        ("Invalid token", False),
    ],
)
def test_what_can_be_told_from_ordinary_text_is_looked_for(value: str, expected: bool) -> None:
    assert is_sought(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hunter2000", ["hunter2000"]),
        (" hunter2000\n", ["hunter2000"]),
        ("Bearer abc123def", ["abc123def"]),
        ("token abc123def", ["abc123def"]),
        (f"Basic {base64.b64encode(b'ada@example.org:hunter2000').decode()}", ["hunter2000"]),
        # Whose secret it is, and what else is beside it, is none elsewhere.
        ("sid=s3ssi0n; theme=midnight; csrftoken=c5rft0k3n", ["s3ssi0n", "c5rft0k3n"]),
        ("session=abcdef1234567890abcdef; Path=/account; HttpOnly", ["abcdef1234567890abcdef"]),
        ("token=a%2Fb%2Bcdef; Secure", ["a%2Fb%2Bcdef", "a/b+cdef"]),
        ('{"user": "ada@example.org", "password": "hunter2000"}', ["hunter2000"]),
        ("('ada.lovelace', 'hunter2000')", ["ada.lovelace", "hunter2000"]),
        ("Password('hunter2000')", ["hunter2000"]),
        ("'hunter2000'", ["hunter2000"]),
        ("'o''neill99'", ["o'neill99"]),
        ('hun\\"ter2000', ['hun"ter2000']),
        ("hunter%402000", ["hunter@2000"]),
        ("https://ada:hunter2000@shop.example/account", ["hunter2000"]),
        (
            "https://shop.example/reset/8f14e45fceea167a5a36?code=x9y8z7w6v5u4t3s2&page=second",
            ["8f14e45fceea167a5a36", "x9y8z7w6v5u4t3s2"],
        ),
    ],
)
def test_what_of_a_value_may_stand_elsewhere_by_itself(value: str, expected: list[str]) -> None:
    sought = [part for part in dict.fromkeys(parts_of(value)) if is_sought(part)]
    assert set(expected) <= {*sought}
    assert not {"ada@example.org", "midnight", "/account", "account", "second", "Bearer abc123def"} & {*sought}
