"""The playground's history: one commit after the other, each a few edits."""

from typing import NamedTuple


class Edit(NamedTuple):
    """Replaces `old` by `new` in a file; a file that is not there yet starts empty."""

    path: str
    old: str
    new: str


class Commit(NamedTuple):
    subject: str
    author: str
    day: int
    """Days since the first commit."""
    edits: tuple[Edit, ...]


COMMITS = (
    Commit(
        "Take orders",
        "Alice Moreau",
        1,
        (
            Edit(
                "shop/orders.py",
                "",
                '''"""Orders: what a customer wants, and what it costs."""

from shop import catalog, payments


def place(product: str, quantity: int) -> dict:
    total = catalog.price(product) * quantity
    return {"product": product, "quantity": quantity, "paid": payments.charge(total)}
''',
            ),
            Edit(
                "shop/payments.py",
                "",
                '''"""Payments: what the customer is charged."""


def charge(cents: int) -> int:
    return cents
''',
            ),
            Edit(
                "shop/app.py",
                "from flask import Flask\n\nfrom shop import catalog\n",
                "from flask import Flask, request\n\nfrom shop import catalog, orders\n",
            ),
            Edit(
                "shop/app.py",
                '    return {"products": sorted(catalog.PRICES)}\n',
                """    return {"products": sorted(catalog.PRICES)}


@app.post("/checkout")
def checkout():
    form = request.get_json()
    return orders.place(form["product"], form["quantity"]), 201
""",
            ),
        ),
    ),
    Commit(
        "Answer health checks",
        "Ben Okafor",
        3,
        (
            Edit(
                "shop/app.py",
                '@app.get("/products")\n',
                '@app.get("/health")\ndef health():\n    return {"ok": True}\n\n\n@app.get("/products")\n',
            ),
        ),
    ),
    Commit(
        "Charge in the customer's currency",
        "Alice Moreau",
        8,
        (
            Edit(
                "shop/payments.py",
                "def charge(cents: int) -> int:\n    return cents\n",
                """RATES = {"EUR": 1.0, "USD": 1.09, "GBP": 0.85}


def charge(cents: int, currency: str) -> int:
    rate = RATES[currency]
    return round(cents * rate)
""",
            ),
            Edit(
                "shop/orders.py",
                "def place(product: str, quantity: int) -> dict:\n",
                "def place(product: str, quantity: int, currency: str) -> dict:\n",
            ),
            Edit("shop/orders.py", "payments.charge(total)", "payments.charge(total, currency)"),
            Edit(
                "shop/app.py",
                'orders.place(form["product"], form["quantity"]), 201',
                "orders.place(**form), 201",
            ),
        ),
    ),
    Commit(
        "Offer a discount on ten or more",
        "Ben Okafor",
        9,
        (
            Edit(
                "shop/orders.py",
                "    total = catalog.price(product) * quantity\n",
                "    total = catalog.price(product) * quantity\n"
                "    if quantity >= 10:\n        total = total * 9 // 10\n",
            ),
        ),
    ),
)
