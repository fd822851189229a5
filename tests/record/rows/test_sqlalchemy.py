"""What is told of statements that go through SQLAlchemy: the rows, their columns, and who wrote them."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from flux_ls.record import rows, wire
from tests.record.rows.kept import UNLOADED, Kept
from tests.record.rows.shop_sqlalchemy import Engineer, Order, Shop, Tag, User

users = User.__table__
before_2_0 = sa.__version__.startswith("1.4")


def seeded(shop: Shop) -> None:
    with Session(shop.engine, future=True) as session:
        session.add(User(id=1, name="amy", plan="free", visits=3, about="a", orders=[Order(number=2, amount=5)]))
        session.add(User(id=2, name="bob", plan="free", visits=4, about="b"))
        session.commit()


def in_session(shop: Shop, kept: Kept, work: Callable[[Any], object]) -> list[str]:
    """What is told of the work, which is committed."""
    seeded(shop)
    kept.told()
    with Session(shop.engine, future=True) as session:
        work(session)
        session.commit()
    return kept.told()


def on_connection(shop: Shop, kept: Kept, *work: Any) -> list[str]:
    seeded(shop)
    kept.told()
    with shop.engine.begin() as connection:
        for each in work:
            connection.execute(*(each if isinstance(each, tuple) else (each,)))
    return kept.told()


# The ORM.


def test_insert(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        session.add(User(id=9, name="cy", plan=None, visits=1))

    assert in_session(shop, kept, work) == [
        "insert users 9: bio None → None, id None → 9, name None → cy, plan None → None, visits None → 1 (committed)"
    ]


def test_a_key_that_the_database_makes(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        user, tag = User(name="cy", visits=0), Tag(name="x")
        session.add_all([user, tag])
        session.commit()
        assert {(each.table, tuple(each.key.values())) for each in kept.changes} == {
            ("users", (user.id,)),
            ("tag", (tag.id,)),
        }


def test_only_the_columns_that_changed(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        user = session.get(User, 1)
        user.plan, user.name = "pro", "amy"

    assert in_session(shop, kept, work) == ["update users 1: plan free → pro (committed)"]


def test_delete_with_what_depends_on_it(shop: Shop, kept: Kept) -> None:
    assert in_session(shop, kept, lambda session: session.delete(session.get(User, 1))) == [
        "delete order_line 1,2: amount 5 → None, number 2 → None, user_id 1 → None (committed)",
        "delete users 1: bio a → None, id 1 → None, name amy → None, plan free → None, visits 3 → None (committed)",
    ]


def test_many_to_many(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        user = session.get(User, 1)
        user.tags.append(Tag(id=7, name="x"))
        session.flush()
        user.tags.clear()

    assert in_session(shop, kept, work) == [
        "insert tag 7: id None → 7, name None → x (committed)",
        "insert user_tag 1,7: tag_id None → 7, user_id None → 1 (committed)",
        "delete user_tag 1,7: tag_id 7 → None, user_id 1 → None (committed)",
    ]


def test_every_table_of_a_class(shop: Shop, kept: Kept) -> None:
    """And the version that SQLAlchemy counts for itself."""

    def work(session: Any) -> None:
        engineer = Engineer(id=5, name="eve", language="C")
        session.add(engineer)
        session.flush()
        engineer.name, engineer.language = "Eve", "Zig"

    assert in_session(shop, kept, work) == [
        "insert person 5: id None → 5, kind None → engineer, name None → eve, version None → 1 (committed)",
        "insert engineer 5: id None → 5, language None → C (committed)",
        "update person 5: name eve → Eve, version 1 → 2 (committed)",
        "update engineer 5: language C → Zig (committed)",
    ]


def test_a_value_that_was_not_loaded_is_asked_for(shop: Shop, kept: Kept) -> None:
    """And stays unloaded on the object, as far as it would without us."""
    unloaded = []

    def work(session: Any) -> None:
        user = session.get(User, 1)
        session.expire(user)
        user.plan = "pro"
        user.about = "new"
        session.flush()
        unloaded.append(set(sa.inspect(user).unloaded))

    assert in_session(shop, kept, work) == ["update users 1: bio a → new, plan free → pro (committed)"]
    rows.uninstall()
    shop.clear()
    assert in_session(shop, kept, work) == []
    assert unloaded[0] == unloaded[1]


def test_a_value_that_was_not_loaded_and_must_not_be_asked_for(shop: Shop, kept: Kept) -> None:
    rows.install(read_rows=False)

    def work(session: Any) -> None:
        user = session.get(User, 1)
        session.expire(user)
        user.plan = "pro"

    assert in_session(shop, kept, work) == [f"update users 1: plan {UNLOADED} → pro (committed)"]


def test_a_deferred_column_stays_unloaded(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        user = session.get(User, 1)
        user.plan = "pro"
        session.flush()
        assert "about" in sa.inspect(user).unloaded
        session.delete(user)
        session.flush()
        assert "about" in sa.inspect(user).unloaded

    assert in_session(shop, kept, work)[-1].startswith("delete users 1: bio a → None")


def test_an_expression(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        session.get(User, 1).visits = User.visits + 10

    assert in_session(shop, kept, work) == ["update users 1: visits 3 → 13 (committed)"]


def test_by_the_orms_own_statements(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        session.execute(update(User).where(User.name == "amy").values(plan="pro"))
        session.execute(delete(Order).where(Order.number > 1))

    assert in_session(shop, kept, work) == [
        "update users 1: plan free → pro (committed)",
        "delete order_line 1,2: amount 5 → None, number 2 → None, user_id 1 → None (committed)",
    ]


def test_in_bulk(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        session.bulk_insert_mappings(Tag, [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}])
        session.bulk_update_mappings(User, [{"id": 1, "plan": "pro"}, {"id": 2, "plan": "free"}])
        session.bulk_save_objects([Tag(id=3, name="z")])

    assert in_session(shop, kept, work) == [
        "insert tag 1: id None → 1, name None → x (committed)",
        "insert tag 2: id None → 2, name None → y (committed)",
        "update users 1: plan free → pro (committed)",
        "insert tag 3: id None → 3, name None → z (committed)",
    ]


@pytest.mark.skipif(before_2_0, reason="SQLAlchemy 2.0 has it")
def test_many_rows_by_the_orms_insert_and_update(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        made = session.scalars(insert(Tag).returning(Tag), [{"name": "x"}, {"name": "y"}]).all()
        assert [tag.name for tag in made] == ["x", "y"]
        session.execute(update(User), [{"id": 1, "plan": "pro"}])

    told = in_session(shop, kept, work)
    assert told[0].endswith("name None → x (committed)")
    assert told[2] == "update users 1: plan free → pro (committed)"
    assert "?" not in "".join(told)


# Core.

CORE: list[tuple[Any, list[str]]] = [
    (
        users.insert().values(id=9, name="cy", visits=0),
        ["insert users 9: id None → 9, name None → cy, visits None → 0 (committed)"],
    ),
    (
        insert(Tag.__table__).values([{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]),
        [
            "insert tag 1: id None → 1, name None → x (committed)",
            "insert tag 2: id None → 2, name None → y (committed)",
        ],
    ),
    (
        insert(Tag.__table__).values(id=1, name=func.lower("X")),
        [f"insert tag 1: id None → 1, name None → {UNLOADED} (committed)"],
    ),
    (users.update().where(users.c.id == 1).values(plan="pro"), ["update users 1: plan free → pro (committed)"]),
    (users.update().where(users.c.id == 1).values(plan="free"), []),
    (users.update().where(users.c.id == 77).values(plan="pro"), []),
    (
        users.update().values(plan="pro", visits=users.c.visits * 2),
        [
            "update users 1: plan free → pro, visits 3 → 6 (committed)",
            "update users 2: plan free → pro, visits 4 → 8 (committed)",
        ],
    ),
    (
        users.update().where(users.c.name.in_(["bob", "zoe"]), users.c.visits.between(1, 9)).values(plan=None),
        ["update users 2: plan free → None (committed)"],
    ),
    (
        (
            users.update().where(users.c.id == bindparam("b")).values(name=bindparam("n")),
            [{"b": 1, "n": "x"}, {"b": 2, "n": "y"}, {"b": 1, "n": "z"}],
        ),
        [
            "update users 1: name amy → x (committed)",
            "update users 2: name bob → y (committed)",
            "update users 1: name x → z (committed)",
        ],
    ),
    (
        users.delete().where(users.c.id == 2),
        ["delete users 2: bio b → None, id 2 → None, name bob → None, plan free → None, visits 4 → None (committed)"],
    ),
    # A function in the WHERE could be anybody's: nothing is asked, and nothing is said of which rows.
    (
        users.update().where(func.lower(users.c.name) == "amy").values(plan="pro"),
        ["update users ?: plan None → pro (committed)"],
    ),
    (
        users.delete().where(users.c.id.in_(select(users.c.id).where(users.c.name == "bob"))),
        ["delete users ?:  (committed)"],
    ),
    (insert(Tag.__table__).from_select(["name"], select(users.c.name)), ["insert tag ?:  (committed)"]),
    (text("UPDATE users SET plan = 'pro' WHERE id = 1"), ["update users ?:  (committed)"]),
    (text("DELETE FROM users WHERE id = 77"), []),
    (text('insert into "tag" (id, name) VALUES (:i, :n)').bindparams(i=1, n="x"), ["insert tag ?:  (committed)"]),
    (select(users.c.id), []),
]


@pytest.mark.parametrize("at", range(len(CORE)))
def test_core(shop: Shop, kept: Kept, at: int) -> None:
    statement, expected = CORE[at]
    assert on_connection(shop, kept, statement) == expected


def test_sql_given_to_the_driver(shop: Shop, kept: Kept) -> None:
    seeded(shop)
    kept.told()
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET plan = 'pro'")
    assert kept.told() == ["update users ?:  (committed)"]


def test_upsert(shop: Shop, kept: Kept) -> None:
    dialect: Any = __import__(f"sqlalchemy.dialects.{shop.engine.dialect.name}", fromlist=["insert"])

    def put(name: str, plan: str) -> Any:
        statement = dialect.insert(users).values(id=1, name=name, plan=plan)
        return statement.on_conflict_do_update(index_elements=["id"], set_={"plan": statement.excluded.plan})

    nothing = dialect.insert(users).values(id=1, name="x").on_conflict_do_nothing(index_elements=["id"])
    new = dialect.insert(users).values(id=5, name="new").on_conflict_do_nothing(index_elements=["id"])
    assert on_connection(shop, kept, put("amy", "pro"), put("amy", "pro"), nothing, new) == [
        "update users 1: plan free → pro (committed)",
        "insert users 5: bio None → None, id None → 5, name None → new, plan None → None, visits None → 0 (committed)",
    ]


def test_returning_still_belongs_to_the_application(shop: Shop, kept: Kept) -> None:
    if shop.engine.dialect.name == "sqlite" and before_2_0:
        pytest.skip("SQLAlchemy 1.4 has no RETURNING on SQLite")
    with shop.engine.begin() as connection:
        made = connection.execute(insert(users).values(name="cy").returning(users.c.name, users.c.id, users.c.visits))
        row = made.fetchone()
        assert (row.name, row.visits) == ("cy", 0)
        assert made.fetchone() is None
    (change,) = kept.changes
    assert change.key == {"id": row.id}
    assert change.after == {"name": "cy", "id": row.id, "visits": 0}


# What is beside the values.


def test_who_wrote_it(shop: Shop, kept: Kept) -> None:
    def work(session: Any) -> None:
        session.add(Tag(id=1, name="x"))
        session.flush()

    with Session(shop.engine, future=True) as session:
        work(session)
        session.add(Tag(id=2, name="y"))
        session.commit()
    first, second = kept.changes
    assert first.function == "test_who_wrote_it.<locals>.work"
    assert first.line == work.__code__.co_firstlineno + 2
    assert second.function == "test_who_wrote_it"
    (span,) = kept.transactions
    assert span.events[0].attributes["code.file.path"] == __file__
    assert span.events[0].attributes[wire.ROW_SPAN] == f"{kept.request.root_id:016x}"
    assert span.parent_id == kept.request.root_id
    assert span.start_ns <= span.events[0].at_ns <= span.events[1].at_ns <= span.end_ns
    assert span.attributes["db.system.name"] == shop.engine.dialect.name


def test_secrets(tmp_path: Any, kept: Kept) -> None:
    """That a password was changed is told, and neither the old one nor the new."""
    table = sa.Table(
        "login",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("password", sa.String),
        sa.Column("note", sa.String),
    )
    engine: Any = sa.create_engine(f"sqlite:///{tmp_path}/x.db", future=True)
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert().values(id=1, password="hunter2", note="n"))
        connection.execute(table.update().values(password="hunter3", note="n"))
    assert kept.told() == [
        f"insert login 1: id None → 1, note None → n, password None → {wire.REDACTED} (committed)",
        f"update login 1: password {wire.REDACTED} → {wire.REDACTED} (committed)",
    ]
    engine.dispose()


def test_schema(postgres: Shop, kept: Kept) -> None:
    postgres.execute("CREATE SCHEMA IF NOT EXISTS billing")
    postgres.execute("CREATE SCHEMA IF NOT EXISTS archive")
    table = sa.Table(
        "invoice",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sum", sa.Integer),
        schema="billing",
    )
    table.create(postgres.engine, checkfirst=True)
    elsewhere = postgres.engine.execution_options(schema_translate_map={"billing": "archive"})
    table.create(elsewhere, checkfirst=True)
    for engine in (postgres.engine, elsewhere):
        with engine.begin() as connection:
            connection.execute(table.insert().values(id=1, sum=2))
            connection.execute(table.update().values(sum=3))
            connection.execute(table.delete())
    told = kept.told()
    assert told[:3] == [
        "insert billing.invoice 1: id None → 1, sum None → 2 (committed)",
        "update billing.invoice 1: sum 2 → 3 (committed)",
        "delete billing.invoice 1: id 1 → None, sum 3 → None (committed)",
    ]
    assert told[3:] == [line.replace("billing", "archive") for line in told[:3]]


def test_values_as_they_were(shop: Shop, kept: Kept) -> None:
    """A value that the application changes later is told as it was written."""
    metadata = sa.MetaData()
    table = sa.Table(
        "doc", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.JSON), keep_existing=True
    )
    table.create(shop.engine, checkfirst=True)
    body = {"a": [1]}
    with shop.engine.begin() as connection:
        connection.execute(table.delete())
        connection.execute(table.insert().values(id=1, body=body))
        body["a"].append(2)
        connection.execute(table.update().values(body=body))
    assert kept.told() == [
        "insert doc 1: body None → {'a': [1]}, id None → 1 (committed)",
        "update doc 1: body {'a': [1]} → {'a': [1, 2]} (committed)",
    ]
    table.drop(shop.engine)
