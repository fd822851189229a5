"""Recorded function names in the spelling of a file's functions."""

import pytest

from flux_ls.source.names import recorded_names
from tests.source.frames import frame


@pytest.mark.parametrize(
    ("function", "path", "names"),
    [
        ("charge", "/srv/shop/payments.py", ("charge",)),
        ("Gateway.charge", "/srv/shop/payments.py", ("Gateway.charge",)),
        ("shop.payments.Gateway.charge", "/srv/shop/payments.py", ("shop.payments.Gateway.charge", "Gateway.charge")),
        ("payments.charge", "C:\\shop\\payments.py", ("payments.charge", "charge")),
        ("shop.charge", "/srv/shop/__init__.py", ("shop.charge", "charge")),
        ("__main__.charge", "/srv/run.py", ("__main__.charge", "charge")),
        ("outer.<locals>.inner", "/srv/x.py", ("outer.inner",)),
        ("outer.<locals>.<lambda>", "/srv/x.py", ("outer.<lambda>",)),
        ("<lambda>", "/srv/x.py", ("<lambda>",)),
        ("<module>", "/srv/x.py", ("<module>",)),
        ("shop.x.<module>", "/srv/shop/x.py", ("<module>",)),
        ("<listcomp>", "/srv/x.py", ()),
        ("outer.<locals>.<listcomp>.<lambda>", "/srv/x.py", ("outer.<lambda>",)),
        ("outer.<locals>.<genexpr>", "/srv/x.py", ("outer",)),
        ("<generic parameters of outer>", "/srv/x.py", ()),
        ("", "/srv/x.py", ()),
        ("...", "/srv/x.py", ()),
        ("<", "/srv/x.py", ()),
    ],
)
def test_recorded_names(function: str, path: str, names: tuple[str, ...]) -> None:
    assert recorded_names(frame(path, function=function)) == names
