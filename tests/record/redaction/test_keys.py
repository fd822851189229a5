"""Which names stand for secrets: a table of decisions."""

from collections.abc import Iterator

import pytest

from flux_ls.record.redaction import configure, is_secret_key, redact_text, redact_tree
from flux_ls.record.wire import REDACTED

SECRET = """
    authorization Authorization proxy-authorization Proxy-Authorization x-authorization authorization_code
    cookie Cookie set-cookie Set-Cookie cookies session_cookie http.request.header.cookie
    password Password PASSWORD passwd passphrase passcode new_password old_password password2 userPassword dbpassword
    password_confirmation passwordConfirm confirm_password password_hash password_digest hashed_password
    mysql_root_password spring.datasource.password
    secret client_secret clientSecret SECRET_KEY secret_key webhook_secret AWS_SECRET_ACCESS_KEY secrets
    token access_token accessToken refresh_token id_token auth_token csrf_token xsrf-token X-CSRFToken
    csrfmiddlewaretoken X-Vault-Token device_token bearerToken password_reset_token api_tokens GITHUB_TOKEN
    api_key apiKey apikey API-KEY x-api-key X-Goog-Api-Key access_key private_key privateKey encryption_key
    signing_key ssh_key AccountKey SharedAccessKey Ocp-Apim-Subscription-Key
    credential credentials aws_credentials creds X-Amz-Credential X-Amz-Signature
    session_id sessionid sessionId session_token session_key PHPSESSID JSESSIONID x-session-id
    jwt jwt_token otp totp otp_code mfa_code cvv cvc cvv2 card_cvc ssn social_security_number iban mnemonic seed_phrase
    card_number cardNumber creditCard credit_card_number cc_number security_code recovery_codes
    db.query.parameter.password user[password] secret_id
""".split()  # noqa: SIM905

OPEN = """
    author authors authored_by authority authorized authorized_at authenticated authentication www-authenticate
    session session_count sessions session_started_at session_timeout
    token_count token_type tokens max_tokens total_tokens prompt_tokens gen_ai.usage.input_tokens tokenizer tokenize
    token_url token_endpoint token_expires_at token_ttl next_page_token pageToken continuation_token eos_token
    password_reset_at password_changed_at password_policy password_strength password_min_length has_password
    is_password_set password_validators
    passenger passed passage passport compass bypass pass_rate
    secretary secretion secret_name secret_version
    key keys keyboard monkey turkey primary_key foreign_key public_key cache_key sort_key partition_key idempotency_key
    routing_key object_key storage_key host_key
    pin pinned pinterest spinner opinion shipping
    code status_code country_code zip_code error_code code.function code.line.number
    cookie_consent cookie_policy cookie_domain cookie_max_age
    access-control-allow-credentials with_credentials credential_type
    card card_type cards discard cardinality
    signature design side inside sidebar considered
    hash sha256 etag nonce state user_id trace_id
    jwt_algorithm otp_enabled authorization_url secure_cookie_name
    auth_type auth_method
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", SECRET)
def test_secret(name: str) -> None:
    assert is_secret_key(name)
    assert redact_tree({name: "opensesame"}) == {name: REDACTED}
    for text in ("{}=opensesame", '"{}": "opensesame"', "{}: opensesame"):
        assert "opensesame" not in redact_text(text.format(name))


@pytest.mark.parametrize("name", OPEN)
def test_open(name: str) -> None:
    assert not is_secret_key(name)


@pytest.mark.parametrize(
    ("name", "secret", "open_"),
    [
        # Judged by the value: an identifier of a session, or what a session is about.
        ("session", "3f9a1c0b7e2d4a6f8b1c", "Opening keynote"),
        ("sid", "3f9a1c0b7e2d4a6f8b1c", "main"),
        ("code", "4/0AeaYSHBq3kF9xYz7LmN2", "ERR_CONNECTION_REFUSED"),
        ("signature", "Zx81kQp04mNs72bdYw", "create_user(email: str) -> User"),
        ("pin", "4938", "GPIO"),
        ("pin", 4938, 7),
        ("auth", "ada:opensesame", "/etc/auth.conf"),
        ("pwd", "opensesame", "/home/ada"),
        ("db_pass", "opensesame", None),
        ("tokens", "Zx81kQp04mNs72bdYw", 512),
        ("password", "x", None),
        ("password", 12, True),
    ],
)
def test_by_value(name: str, secret: object, open_: object) -> None:
    assert redact_tree({name: secret}) == {name: REDACTED}
    assert redact_tree({name: open_}) == {name: open_}


class TestMoreNames:
    @pytest.fixture(autouse=True)
    def _as_before(self) -> Iterator[None]:
        yield
        configure(())

    @pytest.mark.parametrize("name", ["tax_number", "taxNumber", "X-Tax-Number", "user.tax_number", "TAXNUMBER"])
    def test_in_any_spelling(self, name: str) -> None:
        assert not is_secret_key(name)
        configure(["tax_number"])
        assert is_secret_key(name)
        assert not is_secret_key("tax")
        assert not is_secret_key("syntax_number_two")

    def test_inside_texts(self) -> None:
        text = "taxNumber=12 345"
        assert redact_text(text) == text
        configure(["tax_number", ""])
        assert redact_text(text) == f"taxNumber={REDACTED} 345"
