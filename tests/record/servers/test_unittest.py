"""Tests under `flux run -- python -m unittest`: each is a request, and unittest prints what it prints without."""

import re
import sys
from pathlib import Path

import pytest

from tests.record.programs import as_flux_run_does, program, run
from tests.record.receiver import Got, Receiver, plain

TESTS = """
    import unittest
    import flux_ls.record

    @flux_ls.record.span
    def total(order):
        return order["total"]

    @flux_ls.record.span
    async def later(order):
        return total(order)

    class ShopTests(unittest.TestCase):
        def test_passes(self):
            total({"total": 1})

        def test_fails(self):
            self.assertEqual(total({"items": [1]}), 1)

        def test_asserts(self):
            price = 3
            self.assertEqual(price, 4)

        @unittest.skip("not today")
        def test_skipped(self):
            pass

        @unittest.expectedFailure
        def test_known(self):
            self.fail("known")

        @unittest.expectedFailure
        def test_fixed(self):
            pass

        def test_plans(self):
            for plan in "free", "pro", "team":
                with self.subTest(plan=plan):
                    self.assertEqual(plan, "free")

    class Leaves(unittest.TestCase):
        def tearDown(self):
            raise ValueError("the end is broken")

        def test_leaves(self):
            pass

    class Broken(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            raise ValueError("the class is broken")

        def test_never(self):
            pass

    class Async(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            self.order = {"total": 2}

        async def test_passes(self):
            await later(self.order)

        async def test_fails(self):
            await later({})

    if __name__ == "__main__":
        unittest.main()
"""
TOLD = {
    "ShopTests.test_passes": None,
    "ShopTests.test_fails": "KeyError: 'total'",
    "ShopTests.test_asserts": "AssertionError: 3 != 4",
    "ShopTests.test_skipped": None,
    "ShopTests.test_known": None,
    "ShopTests.test_fixed": "unexpected success",
    "ShopTests.test_plans": "AssertionError: 'pro' != 'free' (plan='pro')",
    "Leaves.test_leaves": "ValueError: the end is broken",
    "Async.test_passes": None,
    "Async.test_fails": "KeyError: 'total'",
}


def verdict(got: Got) -> str | None:
    return got.span.get("status", {}).get("message") if "status" in got.span else None


def steady(text: str) -> str:
    return re.sub(r"in [\d.]+s|0x[0-9a-f]+", "", text)


@pytest.mark.parametrize(
    ("words", "module"),
    [(("-m", "unittest", "test_shop"), "test_shop"), (("test_shop.py",), "__main__")],
    ids=["unittest", "main"],
)
def test_every_test_is_a_request(tmp_path: Path, words: tuple[str, ...], module: str) -> None:
    program(tmp_path, TESTS, "test_shop.py")
    argv = [sys.executable, *words]
    with Receiver() as receiver:
        bare = run(argv, tmp_path)
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
        roots = {got.name: got for got in receiver.spans if "parentSpanId" not in got.span}
        spans = {got.span["spanId"]: got for got in receiver.spans}
        totals = receiver.named("total")
    assert ended.code == bare.code == 1
    assert steady(ended.err) == steady(bare.err)
    assert ended.out == bare.out
    told = {name: verdict(got) for name, got in roots.items()}
    assert told == {f"{module}.{name}": message for name, message in TOLD.items()} | {
        f"setUpClass ({module}.Broken)": "ValueError: the class is broken"
    }
    # What a test calls belongs to it, also where it is asynchronous.
    above = []
    for got in totals:
        while "parentSpanId" in got.span:
            got = spans[got.span["parentSpanId"]]
        above.append(got.name.removeprefix(f"{module}."))
    assert sorted(above) == ["Async.test_fails", "Async.test_passes", "ShopTests.test_fails", "ShopTests.test_passes"]
    failing = roots[f"{module}.ShopTests.test_fails"]
    assert failing.attributes["code.function.name"] == f"{module}.ShopTests.test_fails"
    assert failing.attributes["test.case.result.status"] == "fail"
    assert failing.attributes["test.suite.name"] == f"{module}.ShopTests"
    (event,) = [plain(each["attributes"]) for each in failing.span["events"]]
    assert event["exception.type"] == "KeyError"
    assert "in total" in str(event["exception.stacktrace"])
    assert '"price":3' in roots[f"{module}.ShopTests.test_asserts"].attributes["flux.locals"]


def test_under_pytest_they_are_pytests(tmp_path: Path) -> None:
    program(tmp_path, TESTS, "test_shop.py")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:pytest-lsp", "test_shop.py"]
    with Receiver() as receiver:
        run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
        roots = {got.name for got in receiver.spans if "parentSpanId" not in got.span}
    assert roots == {f"test_shop.py::{name.replace('.', '::')}" for name in TOLD} | {"test_shop.py::Broken::test_never"}


DJANGO = {
    "manage.py": """
        import os, sys
        from django.core.management import execute_from_command_line
        os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"  # after Django's import, as in many a wsgi.py
        execute_from_command_line(sys.argv)
    """,
    "site_settings.py": """
        SECRET_KEY = "only for tests"
        INSTALLED_APPS = ["django.contrib.contenttypes", "shop"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}}
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        ROOT_URLCONF = "shop.urls"
        ALLOWED_HOSTS = ["*"]
    """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.db import models

        class Plan(models.Model):
            name = models.TextField()
    """,
    "shop/urls.py": """
        from django.http import HttpResponse
        from django.urls import path
        from shop.models import Plan

        def add(request):
            plan = Plan.objects.create(name=request.GET["name"])
            return HttpResponse(str(plan.pk))

        urlpatterns = [path("add", add)]
    """,
    "shop/tests.py": """
        from django.test import TestCase

        class AddTests(TestCase):
            def test_adds(self):
                self.assertEqual(self.client.get("/add?name=pro").status_code, 200)

            def test_dies(self):
                self.client.get("/add")

        class OtherTests(TestCase):
            def test_asserts(self):
                self.assertEqual(self.client.get("/add?name=pro").status_code, 201)

        class Unprepared(TestCase):
            fixtures = ["nothing_like_this"]

            def test_never(self):
                pass
    """,
}


@pytest.mark.parametrize("words", [(), ("--parallel", "2")], ids=["alone", "parallel"])
def test_djangos_runner(tmp_path: Path, words: tuple[str, ...]) -> None:
    for name, text in DJANGO.items():
        program(tmp_path, text, name)
    argv = [sys.executable, "manage.py", "test", *words]
    with Receiver() as receiver:
        bare = run(argv, tmp_path)
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
        spans = {got.span["spanId"]: got for got in receiver.spans}
        roots = {got.name: got for got in receiver.spans if got.attributes.get("test.case.name")}
        runs = [got.name for got in receiver.spans if "manage.py" in got.name]
        requests = receiver.named("GET add")
        changes = [each for got in receiver.spans for each in got.span.get("events", []) if "row" in each["name"]]
    assert ended.code == bare.code == 1, ended.err
    assert len(ended.err.splitlines()) == len(bare.err.splitlines())
    assert {name: verdict(got) for name, got in roots.items() if "Unprepared" not in name} == {
        "shop.tests.AddTests.test_adds": None,
        "shop.tests.AddTests.test_dies": "MultiValueDictKeyError: 'name'",
        "shop.tests.OtherTests.test_asserts": "AssertionError: 200 != 201",
    }
    (unprepared,) = [verdict(got) for name, got in roots.items() if "Unprepared" in name]
    assert unprepared is not None
    assert "nothing_like_this" in unprepared
    assert runs == []
    assert sorted(spans[got.span["parentSpanId"]].name for got in requests) == [
        "shop.tests.AddTests.test_adds",
        "shop.tests.AddTests.test_dies",
        "shop.tests.OtherTests.test_asserts",
    ]
    added = [plain(each["attributes"]) for each in changes]
    assert [each["flux.row.outcome"] for each in added if each["db.collection.name"] == "shop_plan"] == [
        "rolled_back"
    ] * 2
