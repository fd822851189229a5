"""Sequences of ORM and Core operations, on real databases whose triggers say what really happened."""

import os
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from flux_ls.record import rows
from tests.record.rows.audit import assert_agree
from tests.record.rows.kept import Kept, recording
from tests.record.rows.shop_sqlalchemy import TABLES, Engineer, Order, Shop, Tag, User

PLANS = st.sampled_from(["free", "pro", None, "a 'quoted' plan"])
PICK = st.integers(0, 3)
KEY = st.integers(1, 6)

OPERATIONS = st.one_of(
    st.tuples(st.just("add_user"), PLANS),
    st.tuples(st.just("add_two"), PLANS),
    st.tuples(st.just("add_order"), PICK, KEY),
    st.tuples(st.just("add_engineer"), PLANS),
    st.tuples(st.just("set_plan"), PICK, PLANS),
    st.tuples(st.just("set_about"), PICK, PLANS),
    st.tuples(st.just("set_expired"), PICK, PLANS),
    st.tuples(st.just("count_visit"), PICK),
    st.tuples(st.just("set_amount"), PICK, KEY),
    st.tuples(st.just("set_language"), PICK, PLANS),
    st.tuples(st.just("rename_engineer"), PICK, PLANS),
    st.tuples(st.just("tag"), PICK, KEY),
    st.tuples(st.just("untag"), PICK),
    st.tuples(st.just("delete_user"), PICK),
    st.tuples(st.just("delete_engineer"), PICK),
    st.tuples(st.just("core_insert"), PLANS),
    st.tuples(st.just("core_insert_many"), PLANS),
    st.tuples(st.just("core_insert_values"), PLANS),
    st.tuples(st.just("core_update"), PLANS, PLANS),
    st.tuples(st.just("core_update_all"), PLANS),
    st.tuples(st.just("core_update_many"), PLANS),
    st.tuples(st.just("core_visits"), KEY),
    st.tuples(st.just("core_move_order"), KEY, KEY),
    st.tuples(st.just("core_delete"), KEY),
    st.tuples(st.just("orm_update"), PLANS, PLANS),
    st.tuples(st.just("orm_delete_orders"), KEY),
    st.tuples(st.just("upsert"), KEY, PLANS),
    st.tuples(st.just("upsert_nothing"), KEY),
    st.tuples(st.just("bulk_insert"), PLANS),
    st.tuples(st.just("bulk_update"), PLANS),
    st.just(("flush",)),
    st.just(("commit",)),
    st.just(("commit",)),
    st.just(("rollback",)),
    st.just(("savepoint",)),
    st.just(("release",)),
    st.just(("undo",)),
)


class Performer:
    """Does as it is told, in one session."""

    def __init__(self, shop: Shop) -> None:
        self.session: Any = Session(shop.engine, future=True)
        self.nested: list[Any] = []
        self.dialect = shop.engine.dialect.name

    def one_of(self, kind: Any, at: int) -> Any:
        found = self.session.execute(select(kind).order_by(*kind.__table__.primary_key)).scalars().all()
        return found[at % len(found)] if found else None

    def core(self, statement: Any, *parameters: Any) -> Any:
        """Past the ORM, which is made to forget what it had loaded."""
        self.session.flush()
        result = self.session.connection().execute(statement, *parameters)
        self.session.expire_all()
        return result

    def perform(self, name: str, *arguments: Any) -> None:
        getattr(self, name)(*arguments)

    def add_user(self, plan: Any) -> None:
        self.session.add(User(name="ann", plan=plan))

    def add_two(self, plan: Any) -> None:
        self.session.add_all([User(name="bob", plan=plan, visits=7), User(name="cy", about="someone")])

    def add_order(self, at: int, number: int) -> None:
        user = self.one_of(User, at)
        if user is not None and number not in [order.number for order in user.orders]:
            user.orders.append(Order(number=number, amount=1))

    def add_engineer(self, language: Any) -> None:
        self.session.add(Engineer(name="eve", language=language))

    def set_plan(self, at: int, plan: Any) -> None:
        if user := self.one_of(User, at):
            user.plan = plan

    def set_about(self, at: int, about: Any) -> None:
        """A column that is loaded only when somebody asks for it."""
        if user := self.one_of(User, at):
            user.about = about

    def set_expired(self, at: int, plan: Any) -> None:
        if user := self.one_of(User, at):
            self.session.flush()
            self.session.expire(user)
            user.plan = plan

    def count_visit(self, at: int) -> None:
        """By an expression that the database works out."""
        if user := self.one_of(User, at):
            user.visits = User.visits + 1

    def set_amount(self, at: int, amount: int) -> None:
        if order := self.one_of(Order, at):
            order.amount = amount

    def set_language(self, at: int, language: Any) -> None:
        if engineer := self.one_of(Engineer, at):
            engineer.language = language

    def rename_engineer(self, at: int, name: Any) -> None:
        if engineer := self.one_of(Engineer, at):
            engineer.name = name
            engineer.language = name

    def tag(self, at: int, name: int) -> None:
        if user := self.one_of(User, at):
            found = self.session.execute(select(Tag).where(Tag.name == str(name))).scalars().first()
            if found is None:
                found = Tag(name=str(name))
            if found not in user.tags:
                user.tags.append(found)

    def untag(self, at: int) -> None:
        if (user := self.one_of(User, at)) and user.tags:
            user.tags.pop()

    def delete_user(self, at: int) -> None:
        if user := self.one_of(User, at):
            self.session.delete(user)

    def delete_engineer(self, at: int) -> None:
        if engineer := self.one_of(Engineer, at):
            self.session.delete(engineer)

    def core_insert(self, plan: Any) -> None:
        self.core(insert(User.__table__).values(name="dan", plan=plan))

    def core_insert_many(self, plan: Any) -> None:
        self.core(insert(User.__table__), [{"name": "m1", "plan": plan}, {"name": "m2", "plan": plan}])

    def core_insert_values(self, plan: Any) -> None:
        self.core(insert(User.__table__).values([{"name": "v1", "plan": plan}, {"name": "v2", "plan": "x"}]))

    def core_update(self, old: Any, new: Any) -> None:
        self.core(update(User.__table__).where(User.__table__.c.plan == old).values(plan=new))

    def core_update_all(self, plan: Any) -> None:
        self.core(update(User.__table__).values(plan=plan, name="everybody"))

    def core_update_many(self, plan: Any) -> None:
        users = User.__table__
        statement = update(users).where(users.c.id == bindparam("b_id")).values(plan=bindparam("b_plan"))
        ids = [row[0] for row in self.session.execute(select(users.c.id).order_by(users.c.id)).all()]
        if ids:
            self.core(statement, [{"b_id": each, "b_plan": plan} for each in [*ids[:3], ids[0]]])

    def core_visits(self, least: int) -> None:
        users = User.__table__
        self.core(update(users).where(users.c.visits < least).values(visits=users.c.visits + 2, plan="seen"))

    def core_move_order(self, old: int, new: int) -> None:
        orders = Order.__table__
        taken = self.session.execute(select(orders.c.user_id).where(orders.c.number == new)).first()
        if taken is None:
            self.core(update(orders).where(orders.c.number == old).values(number=new))

    def core_delete(self, number: int) -> None:
        self.core(delete(Order.__table__).where(Order.__table__.c.number.in_([number, number + 1])))

    def orm_update(self, old: Any, new: Any) -> None:
        statement = update(User).where(User.plan == old, User.name.like("a%")).values(plan=new)
        self.session.execute(statement, execution_options={"synchronize_session": "fetch"})

    def orm_delete_orders(self, number: int) -> None:
        statement = delete(Order).where(Order.number > number)
        self.session.execute(statement, execution_options={"synchronize_session": "fetch"})

    def _upsert(self, key: int) -> Any:
        dialect = __import__(f"sqlalchemy.dialects.{self.dialect}", fromlist=["insert"])
        return dialect.insert(Tag.__table__).values(name=str(key))

    def upsert(self, key: int, plan: Any) -> None:
        statement = self._upsert(key)
        self.core(statement.on_conflict_do_update(index_elements=["name"], set_={"name": statement.excluded.name}))

    def upsert_nothing(self, key: int) -> None:
        self.core(self._upsert(key).on_conflict_do_nothing(index_elements=[Tag.__table__.c.name]))

    def bulk_insert(self, plan: Any) -> None:
        self.session.bulk_insert_mappings(User, [{"name": "b1", "plan": plan}, {"name": "b2", "plan": plan}])

    def bulk_update(self, plan: Any) -> None:
        ids = [row[0] for row in self.session.execute(select(User.id).order_by(User.id).limit(3)).all()]
        self.session.flush()
        if ids:
            self.session.bulk_update_mappings(User, [{"id": each, "plan": plan} for each in ids])
        self.session.expire_all()

    def flush(self) -> None:
        self.session.flush()

    def commit(self) -> None:
        while self.nested:
            self.release()
        self.session.commit()

    def rollback(self) -> None:
        while self.nested:
            self.undo()
        self.session.rollback()

    def savepoint(self) -> None:
        self.nested.append(self.session.begin_nested())

    def release(self) -> None:
        if self.nested:
            self.nested.pop().commit()

    def undo(self) -> None:
        if self.nested:
            self.nested.pop().rollback()


SEQUENCES = st.tuples(
    st.lists(OPERATIONS, min_size=3, max_size=25), st.sampled_from([[("commit",)], [("commit",)], []])
).map(lambda parts: [*parts[0], *parts[1]])


def perform(shop: Shop, operations: list[tuple[Any, ...]]) -> Kept:
    shop.clear()
    with Session(shop.engine, future=True) as session:
        session.add_all(
            [User(name="amy", plan="free", orders=[Order(number=2, amount=5)]), User(name="al", plan="pro")]
        )
        session.add_all([Engineer(name="emma", language="C"), Tag(name="1")])
        session.commit()
    shop.execute("DELETE FROM audit")
    with recording() as kept:
        performer = Performer(shop)
        try:
            for operation in operations:
                performer.perform(*operation)
        finally:
            performer.session.close()
    return kept


@pytest.mark.usefixtures("kept")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=SEQUENCES)
def test_agrees_with_sqlite(sqlite: Shop, operations: list[tuple[Any, ...]]) -> None:
    assert_agree(perform(sqlite, operations).changes, sqlite.audited(), TABLES)


@pytest.mark.usefixtures("kept")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=SEQUENCES)
def test_agrees_with_postgresql(postgres: Shop, operations: list[tuple[Any, ...]]) -> None:
    assert_agree(perform(postgres, operations).changes, postgres.audited(), TABLES)


@pytest.mark.usefixtures("kept")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=SEQUENCES)
def test_changes_nothing(sqlite: Shop, operations: list[tuple[Any, ...]]) -> None:
    """What happens to the rows with us is what happens to them without us."""
    perform(sqlite, operations)
    with_us = sqlite.audited()
    rows.uninstall()
    assert not perform(sqlite, operations).changes
    rows.install()
    assert sqlite.audited() == with_us


def test_version() -> None:
    """Those who run these tests against another version want that one."""
    assert sa.__version__.startswith(os.environ.get("SHOULD_BE", "2.0"))
