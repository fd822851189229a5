"""Tests under `flux run -- pytest`: each is a request, and pytest prints what it prints without."""

import re
import sys
from pathlib import Path

import pytest

from tests.record.programs import as_flux_run_does, program, run
from tests.record.receiver import Got, Receiver, plain

TESTS = """
    import pytest
    import flux_ls.record

    @flux_ls.record.span
    def total(order):
        return order["total"]

    @pytest.fixture
    def order():
        yield {"items": [1]}

    @pytest.fixture
    def broken():
        raise ValueError("the fixture is broken")

    @pytest.fixture
    def leaves_badly():
        yield 1
        raise ValueError("the end is broken")

    def test_passes(order):
        assert order["items"]

    def test_fails(order):
        assert total(order) == 1

    def test_asserts():
        price = 3
        assert price == 4

    def test_broken(broken):
        pass

    def test_leaves(leaves_badly):
        pass

    @pytest.mark.skip
    def test_skipped():
        pass

    @pytest.mark.xfail
    def test_known():
        assert False

    @pytest.mark.xfail(strict=True)
    def test_fixed():
        pass

    @pytest.mark.parametrize("plan", ["free", "pro"])
    def test_plan(plan):
        assert plan == "free"

    class TestShop:
        def test_method(self):
            pytest.fail("no way")
"""
WITHOUT_CACHE = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:pytest-lsp")


def verdict(got: Got) -> str | None:
    return got.span.get("status", {}).get("message") if "status" in got.span else None


def steady(text: str) -> str:
    return re.sub(r"in [\d.]+s|0x[0-9a-f]+", "", re.sub(r"=+|_+", "=", text))


@pytest.mark.parametrize("words", [(), pytest.param(("-n", "2", "-q"), marks=pytest.mark.slow)], ids=["", "xdist"])
def test_every_test_is_a_request(tmp_path: Path, words: tuple[str, ...]) -> None:
    program(tmp_path, TESTS, "test_shop.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", *WITHOUT_CACHE, *words]
    with Receiver() as receiver:
        bare = run(argv, tmp_path)
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
        roots = {got.name: got for got in receiver.spans if "parentSpanId" not in got.span}
        totals = receiver.named("total")
    assert ended.code == bare.code == 1
    if not words:
        assert steady(ended.out) == steady(bare.out)
        assert ended.err == bare.err
    told = {name.partition("::")[2]: verdict(got) for name, got in roots.items()}
    assert told.pop("test_asserts").startswith("AssertionError: assert 3 == 4")  # type: ignore[union-attr]
    assert told.pop("test_plan[pro]").startswith("AssertionError")  # type: ignore[union-attr]
    assert told == {
        "test_passes": None,
        "test_fails": "KeyError: 'total'",
        "test_broken": "ValueError: the fixture is broken",
        "test_leaves": "ValueError: the end is broken",
        "test_skipped": None,
        "test_known": None,
        "test_fixed": "[XPASS(strict)] ",
        "test_plan[free]": None,
        "TestShop::test_method": "Failed: no way",
    }
    failing = roots["test_shop.py::test_fails"]
    assert totals[0].span["parentSpanId"] == failing.span["spanId"]
    assert failing.attributes["code.function.name"] == "test_shop.test_fails"
    assert failing.attributes["test.case.result.status"] == "fail"
    (event,) = [plain(each["attributes"]) for each in failing.span["events"]]
    assert event["exception.type"] == "KeyError"
    price = roots["test_shop.py::test_asserts"].attributes["flux.locals"]
    assert '"price":3' in price
    assert roots["test_shop.py::test_plan[pro]"].attributes["flux.input"] == '{"plan":"pro"}'
