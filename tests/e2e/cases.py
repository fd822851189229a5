"""What each application's requests come to: the line that is responsible, or that nothing failed.

The lines carry a comment `<- fault: NAME` in the applications' sources.
"""

import re

from msgspec import Struct

from tests.e2e.launch import APPS


class Where(Struct, frozen=True):
    """A marked line of an application."""

    path: str
    """Relative to the application's folder."""
    line: int
    text: str


def marked(folder: str, fault: str) -> Where:
    """The one line below the folder that carries the mark."""
    mark = re.compile(rf"<- fault: {re.escape(fault)}$")
    found = [
        Where(file.relative_to(APPS / folder).as_posix(), number, line)
        for file in sorted((APPS / folder).rglob("*.*"))
        if file.suffix in (".py", ".js")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert len(found) == 1, (folder, fault, found)
    return found[0]


class Fault(Struct, frozen=True):
    """A request that failed, and what Flux must say about it."""

    application: str
    service: str
    request: str
    """Method and path, or the name of what is no HTTP request."""
    status: int | None
    type: str
    message: str
    function: str
    """The qualified name in today's source."""
    fault: str
    folder: str
    """The workspace that holds the responsible line."""

    @property
    def where(self) -> Where:
        return marked(self.folder, self.fault)

    def __str__(self) -> str:
        return f"{self.application}-{self.fault}"


class Fine(Struct, frozen=True):
    """A request that did not fail."""

    application: str
    service: str
    request: str
    status: int
    handled: tuple[tuple[str, str], ...] = ()
    """Type and mark of each error that was dealt with on the way."""
    folder: str = ""

    def __str__(self) -> str:
        return f"{self.application}-{self.request}-{self.status}"


INTEGRITY = "UNIQUE constraint failed"

FAULTS = (
    Fault(
        "flask", "storefront", "POST /checkout", 500,
        "storefront.payments.stripe.PaymentTimeout", "Stripe API timeout after 10s",
        "StripeClient.charge", "checkout", "flask_checkout",
    ),
    Fault(
        "flask", "storefront", "GET /reports/2026-02", 500,
        "ZeroDivisionError", "division by zero", "average", "chained", "flask_checkout",
    ),
    Fault(
        "flask", "storefront", "POST /orders/7/receipt", 202,
        "KeyError", "7", "render", "thread", "flask_checkout",
    ),
    Fault(
        "container", "storefront-container", "POST /checkout", 500,
        "storefront.payments.stripe.PaymentTimeout", "Stripe API timeout after 10s",
        "StripeClient.charge", "checkout", "flask_checkout",
    ),
    Fault(
        "sqlalchemy", "members", "POST /signup", 500,
        "sqlalchemy.exc.IntegrityError", INTEGRITY, "MemberRepository.add", "signup", "flask_sqlalchemy",
    ),
    Fault(
        "sqlalchemy-and-driver", "members-driver", "POST /signup", 500,
        "sqlite3.IntegrityError", INTEGRITY, "MemberRepository.add", "signup", "flask_sqlalchemy",
    ),
    Fault(
        "fastapi", "inventory", "GET /stock/egg", 500,
        "ZeroDivisionError", "integer division or modulo by zero", "days_left", "stock", "fastapi_contrib",
    ),
    Fault(
        "fastapi", "inventory", "GET /offers/egg", 500,
        "inventory.suppliers.OfferRefused", "egg is not sold to you", "cheap", "group", "fastapi_contrib",
    ),
    Fault(
        "fastapi", "inventory", "POST /audits", 202,
        "LookupError", "warehouse main is closed", "count", "background", "fastapi_contrib",
    ),
    Fault(
        "fastapi-native", "bookings", "POST /rooms/blue/bookings", 500,
        "app.calendars.DoubleBooking", "9:00 is taken", "Calendar.book", "booking", "fastapi_native",
    ),
    Fault(
        "fastapi-native", "bookings", "POST /rooms/green/bookings", 500,
        "app.calendars.CalendarMissing", "nobody keeps a calendar for green",
        "load_calendar", "dependency", "fastapi_native",
    ),
    Fault(
        "starlette", "tickets", "POST /rows/1/seats/9", None,
        "IndexError", "list assignment index out of range", "Hall.reserve.take", "route", "starlette_tickets",
    ),
    Fault(
        "starlette", "tickets", "POST /rows/2/seats/2", None,
        "tickets.tenancy.UnknownTenant", "no tenant 'circus'",
        "TenantMiddleware.dispatch", "middleware", "starlette_tickets",
    ),
    Fault(
        "django", "bookshop", "POST /books/blank/copy/", 500,
        "sqlite3.IntegrityError", INTEGRITY, "Book.duplicate", "orm", "django_bookshop",
    ),
    Fault(
        "django", "bookshop", "GET /books/blank/", 500,
        "ZeroDivisionError", "division by zero", "Book.cents_a_page", "template_call", "django_bookshop",
    ),
    Fault(
        "django", "bookshop", "GET /books/blank/label/", 500,
        "django.template.exceptions.TemplateSyntaxError", "Invalid filter: 'shout'",
        "label", "template_syntax", "django_bookshop",
    ),
    Fault(
        "celery", "mailing-signup", "signup", None,
        "KeyError", "'city'", "fill", "task", "celery_mailing",
    ),
    Fault(
        "outbound", "rates", "GET /rates/eur", 500,
        "requests.exceptions.ConnectionError", "Max retries exceeded", "rate", "requests", "flask_rates",
    ),
    Fault(
        "outbound", "rates", "GET /history/eur", 500,
        "httpx.ConnectError", "Connection refused", "history", "httpx", "flask_rates",
    ),
    Fault(
        "two-services", "gateway", "GET /products/sofa", 500,
        "ValueError", "invalid literal for int() with base 10: 'n/a'",
        "Catalogue.cents", "pricing", "two_services/pricing",
    ),
    Fault(
        "job", "nightly", "nightly import", None,
        "ValueError", "invalid literal for int() with base 10: 'x'", "parse", "job", "nightly_import",
    ),
    Fault(
        "express", "orders", "POST /orders", 500,
        "TypeError", "Cannot read properties of undefined (reading 'cents')",
        "Pricing.price", "pricing", "express_orders",
    ),
)  # fmt: skip

FINE = (
    Fine("flask", "storefront", "GET /reports/2026-01", 200),
    Fine("flask", "storefront", "GET /nowhere", 404),
    Fine(
        "flask", "storefront", "GET /shipping/nl", 200,
        (("storefront.shipping.CarrierDown", "fallback"),), "flask_checkout",
    ),
    Fine(
        "flask", "storefront", "POST /reserve/lamp", 200,
        (("ConnectionResetError", "retry"),), "flask_checkout",
    ),
    Fine("flask", "storefront", "GET /customers/bob", 200, (("KeyError", "logged"),), "flask_checkout"),
    Fine("sqlalchemy", "members", "POST /signup", 201),
    Fine("sqlalchemy-and-driver", "members-driver", "POST /signup", 201),
    Fine("fastapi", "inventory", "GET /stock/ham", 200),
    Fine("fastapi", "inventory", "GET /stock/unknown", 404),
    Fine("fastapi", "inventory", "POST /deliveries", 422),
    Fine("fastapi-native", "bookings", "POST /rooms/red/bookings", 200),
    Fine("fastapi-native", "bookings", "POST /rooms/red/bookings", 422),
    Fine("starlette", "tickets", "POST /rows/1/seats/2", 200),
    Fine("django", "bookshop", "GET /books/lost/", 404),
    Fine("two-services", "gateway", "GET /products/lamp", 200),
    Fine(
        "two-services", "gateway", "GET /previews/sofa", 200,
        (("ValueError", "pricing"),), "two_services/pricing",
    ),
    Fine("two-services", "gateway", "GET /previews/ghost", 200),
    Fine("express", "orders", "POST /orders", 201),
    Fine("express", "orders", "GET /orders/17", 404),
)  # fmt: skip

UNTOLD = Fine("flask", "storefront", "GET /health", 503)
"""It failed, and no telemetry says by what."""


class Shown(Struct, frozen=True, order=True):
    """A line that has a diagnostic."""

    path: str
    line: int
    severity: str


def expected(folder: str) -> list[Shown]:
    """Every diagnostic of a workspace."""
    failed = {Shown(case.where.path, case.where.line, "ERROR") for case in FAULTS if case.folder == folder}
    places = [marked(folder, mark) for case in FINE if case.folder == folder for _, mark in case.handled]
    handled = {Shown(where.path, where.line, "WARN") for where in places}
    return sorted(failed | {one for one in handled if (one.path, one.line) not in {(f.path, f.line) for f in failed}})
