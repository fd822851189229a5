"""Which functions a list of patterns names."""

from pathlib import Path

import pytest

from flux_ls.record.functions.patterns import Patterns, Unusable, parse

MINE = "/app/shop/orders.py"
LIBRARY = "/venv/lib/python3.11/site-packages/requests/api.py"


@pytest.mark.parametrize(
    ("patterns", "module", "name", "expected"),
    [
        # a name stands for all that is in it
        ("shop", "shop", "total", True),
        ("shop", "shop.orders", "Order.total", True),
        ("shop", "shopping", "total", False),
        ("shop.orders", "shop", "total", False),
        ("shop.orders", "shop.orders", "Order.total", True),
        ("shop.orders.Order", "shop.orders", "Order.total", True),
        ("shop.orders.Order", "shop.orders", "Orders.total", False),
        ("shop.orders.Order.total", "shop.orders", "Order.total", True),
        ("shop.orders.Order.tot", "shop.orders", "Order.total", False),
        # wildcards
        ("shop.*", "shop", "total", True),
        ("shop.*", "shop.orders.deep", "Order.total", True),
        ("shop.*", "shopping", "total", False),
        ("shop*", "shopping", "total", True),
        ("*.total", "shop.orders", "Order.total", True),
        ("*", "shop.orders", "Order.total", True),
        ("shop.?rders.*", "shop.orders", "f", True),
        ("shop.[np]*", "shop.orders", "f", False),
        # module and name
        ("billing.tax:compute", "billing.tax", "compute", True),
        ("billing.tax:compute", "billing.tax.compute", "compute", False),
        ("billing.tax:compute", "billing", "tax.compute", False),
        ("billing.tax:Tax", "billing.tax", "Tax.compute", True),
        ("*.views:create_*", "shop.views", "create_user", True),
        ("*.views:create_*", "shop.models", "create_user", False),
        ("billing:*", "billing.tax", "compute", False),
        # functions in functions
        ("shop:create_app.index", "shop", "create_app.<locals>.index", True),
        ("shop:create_app", "shop", "create_app.<locals>.index", True),
        ("shop:index", "shop", "create_app.<locals>.index", False),
        # the last one that fits decides
        ("shop.* !shop.models", "shop.models", "User.save", False),
        ("shop.* !shop.models", "shop.orders", "total", True),
        ("shop.* !shop.models shop.models.User", "shop.models", "User.save", True),
        ("!shop.models shop.*", "shop.models", "User.save", True),
        ("!shop.models", "shop.orders", "total", False),
        ("", "shop.orders", "total", False),
        # what the recorder runs on
        ("*", "opentelemetry.trace", "get_tracer", False),
        ("flux_ls.*", "flux_ls.record.values", "snapshot", False),
    ],
)
def test_fits(patterns: str, module: str, name: str, expected: bool) -> None:
    found = Patterns(parse(text) for text in patterns.split())
    assert (found.may_be_in(module) and found.fits(module, name, MINE)) is expected


@pytest.mark.parametrize(
    ("pattern", "module", "file", "expected"),
    [
        ("*", "requests.api", LIBRARY, False),
        ("*.get", "requests.api", LIBRARY, False),
        ("requests", "requests.api", LIBRARY, True),
        ("requests.*", "requests.api", LIBRARY, True),
        ("json.*", "json.decoder", str(Path(pytest.__file__).parents[3] / "lib/python3.11/json/decoder.py"), False),
        ("calendar", "calendar", "/app/calendar.py", True),
    ],
)
def test_libraries_are_recorded_when_they_are_named(pattern: str, module: str, file: str, expected: bool) -> None:
    assert Patterns([parse(pattern)]).fits(module, "get", file) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' names no function; write MODULE, MODULE:NAME or a wildcard such as `shop.*`"),
        (" ! ", "' ! ' names no function"),
        ("shop:", "'shop:' names no function"),
        (":compute", "':compute' names no function"),
        ("a:b:c", "'a:b:c' is no dotted name; write MODULE or MODULE:NAME, as in `billing.tax:compute`"),
        ("shop/orders.py", "'shop/orders.py' is no dotted name"),
        ("shop orders", "'shop orders' is no dotted name"),
    ],
)
def test_unusable(text: str, message: str) -> None:
    with pytest.raises(Unusable) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
