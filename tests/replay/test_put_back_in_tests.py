"""A generated regression test takes back what the request wrote, in its copy of an SQLite file, by a plain pytest."""

from typing import Any

import pytest

from tests.replay.projects import Project
from tests.replay.shop import Shop
from tests.replay.test_regression_test import check_form, made, outcome
from tests.telemetry import row, transaction

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]
MAIL = 'raise RuntimeError("the mail cannot be sent")'


@pytest.fixture
def shop(project: Project) -> Shop:
    return Shop(project, "sqlite:///shop.db")


def checked(shop: Shop, id: str) -> str:
    """It fails on the broken code as was recorded, passes on the fix, and leaves the file as it is; its text."""
    test = made(shop.project, id)
    check_form(test, shop.project)
    file = shop.project.root / "shop.db"
    before = file.read_bytes()
    code, said = outcome(shop.project, test.path, URL="sqlite:///shop.db")
    assert (code, "the mail cannot be sent" in said, "1 failed" in said) == (1, True, True), said
    web = shop.project.root / "web.py"
    web.write_text(web.read_text().replace(MAIL, "pass"))
    code, said = outcome(shop.project, test.path, test.path, URL="sqlite:///shop.db")
    assert (code, "1 passed" in said) == (0, True), said
    web.write_text(web.read_text().replace("        pass\n", f"        {MAIL}\n"))
    assert file.read_bytes() == before
    return test.text


def test_a_request_that_failed_after_it_had_committed(shop: Shop) -> None:
    shop.post("signup", id=1, email="first@example.org")
    text = checked(shop, shop.post("signup", id=2, email="ada@example.org", fail=True))
    assert "is taken back in the copy" in " ".join(text.split())
    assert '"table": "users"' in text
    assert '"password_hash"' not in text, "nobody knows what was redacted"


OPERATIONS: dict[str, dict[str, Any]] = {
    "change": {"id": 1, "columns": ["plan", "seen", "balance", "tags", "active", "mood", "ref", "born"]},
    "order": {"id": 5, "lines": [[1, 10], [2, 21]]},
    "cancel": {"id": 5},
}


@pytest.mark.parametrize("what", OPERATIONS)
def test_updates_and_deletes_with_any_key_and_column(shop: Shop, what: str) -> None:
    """The handler fails when it finds what was there before, so nothing else would do."""
    shop.post("signup", id=1, email="ada@example.org")
    shop.post("order", id=5, lines=[[1, 10], [2, 20]])
    expected = shop.state()
    web = shop.project.root / "web.py"
    web.write_text(
        web.read_text().replace(
            "        told = globals()[what]",
            f"        found = state(session, {{}})\n"
            f"        if 'fail' in request.get_json():\n"
            f"            assert found == {expected!r}, found\n"
            f"        told = globals()[what]",
        )
    )
    checked(shop, shop.post(what, **OPERATIONS[what], fail=True))


def test_what_others_changed_since_stays(shop: Shop) -> None:
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    shop.execute("UPDATE users SET plan = 'gold'")
    test = made(shop.project, failed)
    code, said = outcome(shop.project, test.path, URL="sqlite:///shop.db")
    assert (code, "UNIQUE constraint failed: users.id" in said) == (1, True), said


def test_what_cannot_be_taken_back_is_told(shop: Shop) -> None:
    shop.post("signup", id=1, email="ada@example.org")
    test = made(shop.project, shop.post("password", id=1, fail=True))
    check_form(test, shop.project)
    assert "Not put back: users id=1, its password_hash was redacted." in test.text
    assert "ROWS" not in test.text


def test_triggers_and_references(shop: Shop) -> None:
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    shop.execute(
        "CREATE TRIGGER \"it's\" AFTER DELETE ON profiles BEGIN DELETE FROM users; SELECT RAISE(ABORT, 'no'); END"
    )
    checked(shop, failed)
    shop.execute("INSERT INTO profiles VALUES (9, 1)")
    test = made(shop.project, failed)
    code, said = outcome(shop.project, test.path, URL="sqlite:///shop.db")
    assert (code, "UNIQUE constraint failed: users.id" in said) == (1, True), said


def test_another_database_keeps_its_rows(project: Project) -> None:
    """For PostgreSQL's, which the test makes no copy of, the rows are named instead."""
    project.write("web.py", "import flask\napp = flask.Flask(__name__)\n")
    written = transaction("committed", row("users", {"id": 7}, after={"id": 7, "email": 'a"""b'}))
    test = made(project, project.add("POST", "/signup", 500, body={}, calls=[written]))
    check_form(test, project)
    assert "The request wrote users id=7: put that back if it is still there." in test.text
    assert "sqlite3" not in test.text


def test_the_rows_that_a_new_database_lacks_are_named(project: Project) -> None:
    """Django's: what the request changed has to be there, and what it made has not."""
    project.write("manage.py", 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n')
    project.write("requirements.txt", "pytest-django==4.9\n")
    written = transaction(
        "committed",
        row("shop_order", {"id": 8}, after={"id": 8}, at_ms=1),
        row("shop_order", {"id": 8}, before={"paid": False}, after={"paid": True}, at_ms=2),
        row("shop_user", {"id": 7}, before={"orders": 0}, after={"orders": 1}, at_ms=3),
    )
    test = made(project, project.add("POST", "/signup", 500, body={}, calls=[written]))
    check_form(test, project)
    assert "add the rows that it needs, such as shop_user id=7." in " ".join(test.text.split())
