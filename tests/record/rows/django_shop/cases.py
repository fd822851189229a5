"""What is told of what the Django ORM does, and that nobody notices."""

import threading
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from flux_ls.record import rows
from flux_ls.record.rows import reading
from flux_ls.record.values import snapshot
from tests.record.rows.django_shop.conftest import DjangoShop
from tests.record.rows.kept import UNLOADED, Kept, recording


def models() -> Any:
    from tests.record.rows.django_shop import models

    return models


def seeded(shop: DjangoShop, kept: Kept) -> Any:
    user = models().User(id=1, name="amy", plan="free", visits=3)
    user.save(using=shop.alias, force_insert=True)
    models().User(id=2, name="bob", plan="free", visits=4).save(using=shop.alias, force_insert=True)
    kept.told()
    return user


def test_save(shop: DjangoShop, kept: Kept) -> None:
    user = models().User(name="amy", plan="free")
    user.save(using=shop.alias)
    user.plan = "pro"
    user.save()
    user.save()
    user.delete()
    key = kept.changes[0].key["id"]
    assert kept.told() == [
        f"insert users {key}: id None → {key}, name None → amy, plan None → free, visits None → 0 (committed)",
        f"update users {key}: plan free → pro (committed)",
        f"delete users {key}: id {key} → None, name amy → None, plan pro → None, visits 0 → None (committed)",
    ]


def test_who_wrote_it(shop: DjangoShop, kept: Kept) -> None:
    models().Tag.objects.using(shop.alias).create(id=1, name="x")
    assert kept.changes[0].function == "test_who_wrote_it"


def test_query_sets(shop: DjangoShop, kept: Kept) -> None:
    from django.db.models import F

    seeded(shop, kept)
    users = models().User.objects.using(shop.alias)
    assert users.filter(name="amy", visits__gt=1).update(plan="pro") == 1
    assert users.update(visits=F("visits") + 10) == 2
    assert users.filter(id=77).update(plan="x") == 0
    assert users.filter(plan="free").exclude(name="zoe").delete()[0] == 1
    told = kept.told()
    assert [told[0], *sorted(told[1:3]), told[3]] == [
        "update users 1: plan free → pro (committed)",
        "update users 1: visits 3 → 13 (committed)",
        "update users 2: visits 4 → 14 (committed)",
        "delete users 2: id 2 → None, name bob → None, plan free → None, visits 14 → None (committed)",
    ]


def test_conditions_on_other_tables(shop: DjangoShop, kept: Kept) -> None:
    user = seeded(shop, kept)
    user.order_set.create(number=1)
    user.order_set.create(number=2)
    kept.told()
    users = models().User.objects.using(shop.alias)
    users.filter(order__number__lt=5).update(plan="pro")
    users.filter(order__number__lt=5).exclude(order__number=7).update(plan="not asked for")
    models().Order.objects.using(shop.alias).filter(user__name="amy", number=1).delete()
    told = kept.told()
    assert told[:2] == [
        "update users 1: plan free → pro (committed)",
        "update users ?: plan None → not asked for (committed)",
    ]
    assert "number 1 → None" in told[2]


def test_bulk(shop: DjangoShop, kept: Kept) -> None:
    users = models().User.objects.using(shop.alias)
    made = users.bulk_create([models().User(name="a"), models().User(name="b")])
    kept_keys = [change.key["id"] for change in kept.changes]
    assert kept_keys == [user.id for user in made]
    kept.told()
    made[0].plan, made[1].plan = "x", "y"
    users.bulk_update(made, ["plan"])
    assert kept.told() == [
        f"update users {made[0].id}: plan None → x (committed)",
        f"update users {made[1].id}: plan None → y (committed)",
    ]


def test_upsert(shop: DjangoShop, kept: Kept) -> None:
    tags = models().Tag.objects.using(shop.alias)
    tags.bulk_create([models().Tag(id=1, name="x")])
    kept.told()
    new = [models().Tag(name="x"), models().Tag(name="y")]
    tags.bulk_create(new, ignore_conflicts=True)
    key = tags.get(name="y").id
    assert kept.told() == [f"insert tag {key}: id None → {key}, name None → y (committed)"]
    users = models().User.objects.using(shop.alias)
    users.bulk_create([models().User(id=5, name="a", plan="free")])
    kept.told()
    again = [models().User(id=5, name="b", plan="pro"), models().User(id=6, name="c", plan="pro")]
    users.bulk_create(again, update_conflicts=True, unique_fields=["id"], update_fields=["plan"])
    assert kept.told() == [
        "insert users 6: id None → 6, name None → c, plan None → pro, visits None → 0 (committed)",
        "update users 5: plan free → pro (committed)",
    ]


def test_relations(shop: DjangoShop, kept: Kept) -> None:
    user = seeded(shop, kept)
    tag = models().Tag.objects.using(shop.alias).create(id=7, name="x")
    user.tags.add(tag)
    user.tags.add(tag)
    user.order_set.create(id=9, number=1, tag=tag)
    through = kept.changes[1].key["id"]
    kept.told()
    tag.delete()
    assert kept.told() == [
        f"delete user_tag {through}: id {through} → None, tag_id 7 → None, user_id 1 → None (committed)",
        "update order_line 9: tag_id 7 → None (committed)",
        "delete tag 7: id 7 → None, name x → None (committed)",
    ]
    user.delete()
    assert [line.split(":")[0] for line in kept.told()] == ["delete order_line 9", "delete users 1"]


def test_every_table_of_a_class(shop: DjangoShop, kept: Kept) -> None:
    engineer = models().Engineer(id=5, name="eve", language="C")
    engineer.save(using=shop.alias)
    engineer.name, engineer.language = "Eve", "Zig"
    engineer.save()
    models().Engineer.objects.using(shop.alias).filter(name="Eve").update(name="E", language="Go")
    told = kept.told()
    assert told[:4] == [
        "insert person 5: id None → 5, name None → eve (committed)",
        "insert engineer 5: language None → C, person_ptr_id None → 5 (committed)",
        "update person 5: name eve → Eve (committed)",
        "update engineer 5: language C → Zig (committed)",
    ]
    assert "update person 5: name Eve → E (committed)" in told[4:]
    assert len(told) == 6


def test_values(shop: DjangoShop, kept: Kept) -> None:
    place = models().Place(floor=1, room="a", price="9.50", photo=b"x" * 10)
    place.save(using=shop.alias)
    kept.told()
    place.price = 9.5
    place.photo = b"y"
    place.save(update_fields=["price", "photo"])
    (change,) = kept.changes
    assert (change.key, change.before) == ({"floor": 1, "room": "a"}, {"photo": UNLOADED})
    kept.told()
    models().Place.objects.using(shop.alias).filter(pk=(1, "a")).update(price=Decimal("2.25"))
    (change,) = kept.changes
    assert change.key == {"floor": 1, "room": "a"}
    assert change.columns["price"] == (snapshot(Decimal("9.50")), snapshot(Decimal("2.25")))


# Outcomes.


def outcomes(kept: Kept) -> dict[int, str]:
    return {change.key["id"]: change.outcome for change in kept.changes}


def test_atomic(shop: DjangoShop, kept: Kept) -> None:
    from django.db import transaction

    tags = models().Tag.objects.using(shop.alias)
    committed: list[object] = []
    with transaction.atomic(shop.alias):
        tags.create(id=1, name="1")
        transaction.on_commit(lambda: committed.append(outcomes(kept)), using=shop.alias)
        with suppress(KeyError), transaction.atomic(shop.alias):
            tags.create(id=2, name="2")
            raise KeyError
        with transaction.atomic(shop.alias):
            tags.create(id=3, name="3")
        assert kept.changes == []
    assert committed == [{1: "committed", 2: "rolled_back", 3: "committed"}]
    with suppress(KeyError), transaction.atomic(shop.alias):
        tags.create(id=4, name="4")
        with transaction.atomic(shop.alias, savepoint=False):
            tags.create(id=5, name="5")
        raise KeyError
    tags.create(id=6, name="6")
    assert outcomes(kept) == {
        1: "committed",
        2: "rolled_back",
        3: "committed",
        4: "rolled_back",
        5: "rolled_back",
        6: "committed",
    }


def test_an_error_of_the_database(shop: DjangoShop, kept: Kept) -> None:
    from django.db import IntegrityError, transaction

    tags = models().Tag.objects.using(shop.alias)
    tags.create(id=1, name="x")
    with pytest.raises(IntegrityError):
        tags.create(id=2, name="x")
    with suppress(IntegrityError), transaction.atomic(shop.alias):
        tags.create(id=3, name="y")
        tags.create(id=4, name="x")
    assert outcomes(kept) == {1: "committed", 3: "rolled_back"}


def test_without_autocommit(shop: DjangoShop, kept: Kept) -> None:
    from django.db import transaction

    tags = models().Tag.objects.using(shop.alias)
    transaction.set_autocommit(False, using=shop.alias)
    try:
        tags.create(id=1, name="1")
        assert kept.changes == []
        transaction.commit(using=shop.alias)
        tags.create(id=2, name="2")
        transaction.rollback(using=shop.alias)
    finally:
        transaction.set_autocommit(True, using=shop.alias)
    assert outcomes(kept) == {1: "committed", 2: "rolled_back"}


def test_closed_in_between(shop: DjangoShop, kept: Kept) -> None:
    from django.db import transaction

    with suppress(Exception), transaction.atomic(shop.alias):
        models().Tag.objects.using(shop.alias).create(id=1, name="1")
        shop.connection.close()
    assert outcomes(kept) == {1: "rolled_back"}
    assert not models().Tag.objects.using(shop.alias).exists()


@pytest.mark.parametrize("shop", ["postgres"], indirect=True)
def test_killed_in_between(shop: DjangoShop, kept: Kept) -> None:
    from django.db import OperationalError, connections, transaction

    tags = models().Tag.objects.using(shop.alias)
    (process,) = shop.execute("SELECT pg_backend_pid()")[0]

    def kill() -> None:
        shop.execute(f"SELECT pg_terminate_backend({process}, 40000)")
        connections.close_all()

    with suppress(OperationalError), transaction.atomic(shop.alias):
        tags.create(id=1, name="1")
        thread = threading.Thread(target=kill)
        thread.start()
        thread.join()
        with pytest.raises(OperationalError, match="terminating connection"):
            tags.filter(name="1").update(name="2")
    assert outcomes(kept) == {1: "rolled_back"}


def test_requests_that_are_transactions(shop: DjangoShop, kept: Kept) -> None:
    from django.test import Client

    shop.connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        client = Client(raise_request_exception=False)
        assert client.get(f"/{shop.alias}/1").status_code == 200
        assert client.get(f"/{shop.alias}/2?fail=1").status_code == 500
    finally:
        shop.connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert outcomes(kept) == {1: "committed", 2: "rolled_back"}


# Apart.


def test_queries_are_the_applications(shop: DjangoShop, kept: Kept) -> None:
    from django.db import transaction
    from django.test.utils import CaptureQueriesContext

    wrapped: list[str] = []

    def wrapper(execute: Any, sql: str, *arguments: Any) -> Any:
        wrapped.append(sql)
        return execute(sql, *arguments)

    def work() -> list[str]:
        shop.clear()
        wrapped.clear()
        with CaptureQueriesContext(shop.connection) as queries, shop.connection.execute_wrapper(wrapper):
            user = models().User(id=1, name="amy", plan="free")
            user.save(using=shop.alias)
            with transaction.atomic(shop.alias):
                user.plan = "pro"
                user.save()
            models().User.objects.using(shop.alias).filter(plan="pro").update(visits=2)
            user.delete()
        return [query["sql"] for query in queries.captured_queries]

    with_us = (work(), list(wrapped))
    assert len(kept.changes) == 4
    rows.uninstall()
    assert (work(), list(wrapped)) == with_us
    assert len(kept.changes) == 4
    rows.install()


def test_without_reading(shop: DjangoShop, kept: Kept) -> None:
    user = seeded(shop, kept)
    rows.install(read_rows=False)
    models().User.objects.using(shop.alias).filter(id=1).update(plan="pro")
    user.delete()
    rows.install()
    assert kept.told() == ["update users ?: plan None → pro (committed)", "delete users ?:  (committed)"]


def test_many(shop: DjangoShop, kept: Kept) -> None:
    from django.db.models import Value
    from django.db.models.functions import Concat

    tags = models().Tag.objects.using(shop.alias)
    tags.bulk_create([models().Tag(name=str(number)) for number in range(3_000)], batch_size=1_000)
    assert len(kept.changes) + kept.omitted == 3_000
    assert len(kept.changes) <= 500 * len(kept.transactions)
    kept.told()
    tags.update(name=Concat("name", Value("!")))
    tags.all().delete()
    assert len(kept.changes) + kept.omitted == 6_000


@pytest.mark.parametrize("shop", ["default"], indirect=True)
def test_sqlite_waits_for_its_turn(shop: DjangoShop, kept: Kept) -> None:
    from django.db import connections, transaction

    shop.execute("PRAGMA journal_mode=wal")
    tags = models().Tag.objects.using(shop.alias)
    tags.create(id=1, name="a")
    kept.told()
    locked, go = threading.Event(), threading.Event()

    def other() -> None:
        with transaction.atomic(shop.alias):
            tags.update(name="b")
            locked.set()
            go.wait(40)
            time.sleep(0.2)
        connections.close_all()

    thread = threading.Thread(target=other)
    thread.start()
    assert locked.wait(40)
    with transaction.atomic(shop.alias):
        go.set()
        tags.update(name="c")
    thread.join()
    assert kept.told() == ["update tag 1: name b → c (committed)"]


@pytest.mark.parametrize("shop", ["postgres"], indirect=True)
def test_a_reading_that_fails(shop: DjangoShop, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import transaction

    seeded(shop, kept)
    monkeypatch.setattr(reading, "_TIMEOUT_MS", "'no number'")
    with transaction.atomic(shop.alias):
        assert models().User.objects.using(shop.alias).filter(name="amy").update(plan="pro") == 1
    assert kept.told() == ["update users ?: plan None → pro (committed)"]


def test_nothing_without_a_request(shop: DjangoShop) -> None:
    with recording() as kept:
        pass
    models().Tag.objects.using(shop.alias).create(name="x")
    assert kept.changes == []
