"""What is understood of SQL that the application wrote itself."""

import pytest

from flux_ls.record.rows.text import Control, Write, understood


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE users SET plan = 'pro'", Write("update", "users")),
        ("  insert into\n users (id) values (1)", Write("insert", "users")),
        ("INSERT OR IGNORE INTO users VALUES (1)", Write("insert", "users")),
        ("REPLACE INTO `users` VALUES (1)", Write("insert", "users")),
        ('DELETE FROM ONLY "Shop"."Users "', Write("delete", "Shop.Users ")),
        ("delete from shop . users where id = 1", Write("delete", "shop.users")),
        ("UPDATE [dbo].[users] SET a = 1", Write("update", "dbo.users")),
        ("COMMIT", Control("commit", "COMMIT")),
        ("end transaction;", Control("commit", "end")),
        ("ROLLBACK", Control("rollback", "ROLLBACK")),
        ("rollback work to savepoint a;", Control("rollback_to", "a")),
        ('ROLLBACK TO "a b"', Control("rollback_to", "a b")),
        ("SAVEPOINT a", Control("savepoint", "a")),
        ("RELEASE SAVEPOINT a", Control("release", "a")),
        ("COMMIT PREPARED 'x'", None),
        ("ROLLBACK PREPARED 'x'", None),
        ("SELECT * FROM users", None),
        ("updates", None),
        ("WITH a AS (SELECT 1) DELETE FROM users", None),
        ("", None),
    ],
)
def test_understood(statement: str, expected: Write | Control | None) -> None:
    assert understood(statement) == expected
