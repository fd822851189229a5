"""Sequences of what the Django ORM does, on real databases whose triggers say what really happened."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.record.rows.audit import assert_agree
from tests.record.rows.django_shop.conftest import DjangoShop
from tests.record.rows.kept import recording

PLANS = st.sampled_from(["free", "pro", None, "a 'quoted' plan"])
PICK = st.integers(0, 3)
NUMBER = st.integers(1, 5)

OPERATIONS = st.one_of(
    st.tuples(st.just("create"), PLANS),
    st.tuples(st.just("save"), PICK, PLANS),
    st.tuples(st.just("save_fields"), PICK, PLANS),
    st.tuples(st.just("save_deferred"), PICK, PLANS),
    st.tuples(st.just("visit"), PICK),
    st.tuples(st.just("delete"), PICK),
    st.tuples(st.just("order"), PICK, NUMBER),
    st.tuples(st.just("put_order"), PICK, NUMBER),
    st.tuples(st.just("tag"), PICK, NUMBER),
    st.tuples(st.just("untag"), PICK),
    st.tuples(st.just("delete_tag"), NUMBER),
    st.tuples(st.just("engineer"), PLANS),
    st.tuples(st.just("rename_engineer"), PICK, PLANS),
    st.tuples(st.just("delete_engineer"), PICK),
    st.tuples(st.just("bulk_create"), PLANS),
    st.tuples(st.just("bulk_ignore"), NUMBER),
    st.tuples(st.just("bulk_update"), PLANS),
    st.tuples(st.just("update"), PLANS, PLANS),
    st.tuples(st.just("update_visits"), NUMBER),
    st.tuples(st.just("update_engineers"), PLANS),
    st.tuples(st.just("delete_some"), NUMBER),
    st.just(("begin",)),
    st.just(("begin",)),
    st.just(("commit",)),
    st.just(("rollback",)),
)


class Performer:
    """Does as it is told, on one database."""

    def __init__(self, alias: str) -> None:
        from tests.record.rows.django_shop import models

        self.alias = alias
        self.models = models
        self.blocks: list[Any] = []

    def rows(self, kind: Any) -> Any:
        return kind.objects.using(self.alias).order_by("pk")

    def one_of(self, kind: Any, at: int) -> Any:
        found = list(self.rows(kind))
        return found[at % len(found)] if found else None

    def create(self, plan: Any) -> None:
        self.rows(self.models.User).create(name="ann", plan=plan)

    def save(self, at: int, plan: Any) -> None:
        if user := self.one_of(self.models.User, at):
            user.plan = plan
            user.save()

    def save_fields(self, at: int, plan: Any) -> None:
        if user := self.one_of(self.models.User, at):
            user.plan, user.name = plan, "not saved"
            user.save(update_fields=["plan"])

    def save_deferred(self, at: int, plan: Any) -> None:
        user = self.rows(self.models.User).only("plan").first()
        if user:
            user.plan = plan
            user.save()

    def visit(self, at: int) -> None:
        from django.db.models import F

        if user := self.one_of(self.models.User, at):
            user.visits = F("visits") + 1
            user.save()

    def delete(self, at: int) -> None:
        if user := self.one_of(self.models.User, at):
            user.delete()

    def order(self, at: int, number: int) -> None:
        if (user := self.one_of(self.models.User, at)) and not user.order_set.filter(number=number).exists():
            user.order_set.create(number=number, tag=self.rows(self.models.Tag).first())

    def put_order(self, at: int, number: int) -> None:
        if user := self.one_of(self.models.User, at):
            order = self.models.Order(user=user, number=number, tag=self.rows(self.models.Tag).last())
            self.rows(self.models.Order).bulk_create(
                [order], update_conflicts=True, unique_fields=["user", "number"], update_fields=["tag"]
            )

    def tag(self, at: int, number: int) -> None:
        if user := self.one_of(self.models.User, at):
            tag, _ = self.rows(self.models.Tag).get_or_create(name=str(number))
            user.tags.add(tag)

    def untag(self, at: int) -> None:
        if user := self.one_of(self.models.User, at):
            user.tags.clear()

    def delete_tag(self, number: int) -> None:
        self.rows(self.models.Tag).filter(name=str(number)).delete()

    def engineer(self, language: Any) -> None:
        self.rows(self.models.Engineer).create(name="eve", language=language)

    def rename_engineer(self, at: int, name: Any) -> None:
        if engineer := self.one_of(self.models.Engineer, at):
            engineer.name, engineer.language = name or "x", name
            engineer.save()

    def delete_engineer(self, at: int) -> None:
        if engineer := self.one_of(self.models.Engineer, at):
            engineer.delete()

    def bulk_create(self, plan: Any) -> None:
        kind = self.models.User
        self.rows(kind).bulk_create([kind(name="b1", plan=plan), kind(name="b2", plan="free")])

    def bulk_ignore(self, number: int) -> None:
        kind = self.models.Tag
        self.rows(kind).bulk_create([kind(name=str(number)), kind(name=str(number + 1))], ignore_conflicts=True)

    def bulk_update(self, plan: Any) -> None:
        users = list(self.rows(self.models.User)[:3])
        for user in users:
            user.plan = plan
        self.rows(self.models.User).bulk_update(users, ["plan", "name"])

    def update(self, old: Any, new: Any) -> None:
        self.rows(self.models.User).filter(plan=old).exclude(name__startswith="z").update(plan=new)

    def update_visits(self, least: int) -> None:
        from django.db.models import F

        self.rows(self.models.User).filter(visits__lt=least).update(visits=F("visits") + 2, plan="seen")

    def update_engineers(self, language: Any) -> None:
        self.rows(self.models.Engineer).filter(name="eve").update(name="Eve", language=language)

    def delete_some(self, number: int) -> None:
        self.rows(self.models.Order).filter(number__in=[number, number + 1]).delete()

    def begin(self) -> None:
        from django.db import transaction

        block = transaction.atomic(self.alias)
        block.__enter__()
        self.blocks.append(block)

    def commit(self) -> None:
        if self.blocks:
            self.blocks.pop().__exit__(None, None, None)

    def rollback(self) -> None:
        if self.blocks:
            error = KeyError()
            self.blocks.pop().__exit__(KeyError, error, None)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, min_size=3, max_size=25), last=st.sampled_from(["commit", "rollback"]))
@pytest.mark.usefixtures("kept")
def test_agrees(shop: DjangoShop, operations: list[tuple[Any, ...]], last: str) -> None:
    shop.clear()
    performer = Performer(shop.alias)
    performer.create("free")
    performer.order(0, 2)
    shop.execute("DELETE FROM audit")
    with recording() as kept:
        for name, *arguments in operations:
            getattr(performer, name)(*arguments)
        while performer.blocks:
            getattr(performer, last)()
    assert_agree(kept.changes, shop.audited(), shop.tables)
