"""The applications of `apps/`: how each is started under OpenTelemetry, and what is asked of it."""

import signal

from tests.e2e.launch import INSTRUMENT, Application, Hit, Service
from tests.e2e.node import NODE_MODULES


def flask(name: str, folder: str, module: str, *instrumented: str, **more: object) -> Service:
    argv = (INSTRUMENT, "flask", "--app", module, "run", "--port", "{port}")
    return Service(name, folder, argv, ("flask", "logging", *instrumented), **more)  # type: ignore[arg-type]


def uvicorn(name: str, folder: str, module: str, *instrumented: str, **more: object) -> Service:
    argv = (*([INSTRUMENT] if instrumented else []), "uvicorn", module, "--port", "{port}", "--log-level", "warning")
    return Service(name, folder, argv, instrumented, **more)  # type: ignore[arg-type]


QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
ADA = {"email": "ada@example.org"}
MEMBERS = {"DATABASE_URL": "sqlite:///{scratch}/members.db"}
CART = {"customer": "ada", "items": [{"cents": 60_000, "quantity": 2}]}
CHECKOUT_HITS = (
    Hit("POST", "/checkout", 500, CART),
    Hit("GET", "/reports/2026-02", 500),
    Hit("GET", "/reports/2026-01", 200),
    Hit("GET", "/shipping/nl", 200),
    Hit("POST", "/reserve/lamp", 200),
    Hit("POST", "/orders/7/receipt", 202),
    Hit("GET", "/customers/bob", 200),
    Hit("GET", "/health", 503),
    Hit("GET", "/nowhere", 404),
)

APPLICATIONS = {
    application.name: application
    for application in (
        Application(
            "flask",
            (flask("storefront", "flask_checkout", "storefront.web", "threading", compression="gzip"),),
            CHECKOUT_HITS,
            done=("storefront", "KeyError: 7"),
        ),
        Application(
            "container",
            (flask("storefront-container", "flask_checkout", "storefront.web", runs_in="srv/app"),),
            CHECKOUT_HITS[:1],
        ),
        Application(
            "sqlalchemy",
            (flask("members", "flask_sqlalchemy", "members", "sqlalchemy", env=MEMBERS),),
            (Hit("POST", "/signup", 201, ADA), Hit("POST", "/signup", 500, ADA)),
        ),
        Application(
            "sqlalchemy-and-driver",
            (flask("members-driver", "flask_sqlalchemy", "members", "sqlalchemy", "sqlite3", env=MEMBERS),),
            (Hit("POST", "/signup", 201, ADA), Hit("POST", "/signup", 500, ADA)),
        ),
        Application(
            "fastapi",
            (uvicorn("inventory", "fastapi_contrib", "inventory.main:app", "fastapi"),),
            (
                Hit("GET", "/stock/ham", 200),
                Hit("GET", "/stock/egg", 500),
                Hit("GET", "/offers/egg", 500),
                Hit("POST", "/audits", 202),
                Hit("GET", "/stock/unknown", 404),
                Hit("POST", "/deliveries", 422, {"sku": "ham", "quantity": "many"}),
            ),
        ),
        Application(
            "fastapi-native",
            (uvicorn("bookings", "fastapi_native", "app.main:app", env={"FASTAPI_OTEL_AUTO_CONFIGURE": "true"}),),
            (
                Hit("POST", "/rooms/red/bookings?hour=9", 200),
                Hit("POST", "/rooms/blue/bookings?hour=9", 500),
                Hit("POST", "/rooms/green/bookings?hour=9", 500),
                Hit("POST", "/rooms/red/bookings?hour=noon", 422),
            ),
        ),
        Application(
            "starlette",
            (uvicorn("tickets", "starlette_tickets", "tickets.asgi:app", "starlette", protocol="grpc"),),
            (
                Hit("POST", "/rows/1/seats/2", 200),
                Hit("POST", "/rows/1/seats/9", 500),
                Hit("POST", "/rows/2/seats/2", 500, headers={"x-tenant": "circus"}),
            ),
        ),
        Application(
            "django",
            (
                Service(
                    "bookshop",
                    "django_bookshop",
                    (INSTRUMENT, "python", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
                    ("django", "sqlite3"),
                    env={"DATABASE": "{scratch}/bookshop.db", "DJANGO_SETTINGS_MODULE": "bookshop.settings"},
                    prepare=(("python", "manage.py", "migrate", "--verbosity", "0"),),
                ),
            ),
            (
                Hit("POST", "/books/blank/copy/", 500),
                Hit("GET", "/books/blank/", 500),
                Hit("GET", "/books/blank/label/", 500),
                Hit("GET", "/books/lost/", 404),
            ),
        ),
        Application(
            "celery",
            (
                Service(
                    "mailing",
                    "celery_mailing",
                    (
                        INSTRUMENT,
                        *["celery", "-A", "mailing.celery", "worker", "--pool", "solo", "--loglevel", "INFO"],
                        *QUIET,
                    ),
                    ("celery",),
                    env={"SPOOL": "{scratch}"},
                    ready=" ready.",
                    stop=signal.SIGTERM,
                ),
            ),
            jobs=(
                (
                    Service(
                        "mailing-signup",
                        "celery_mailing",
                        (INSTRUMENT, "python", "-m", "mailing.signup", "ada@example.org", "Ada"),
                        ("celery",),
                        env={"SPOOL": "{scratch}"},
                    ),
                    0,
                ),
            ),
            done=("mailing", "raised unexpected"),
        ),
        Application(
            "outbound",
            (
                flask(
                    "rates",
                    "flask_rates",
                    "rates.web",
                    "requests",
                    "httpx",
                    env={"BANK_URL": "http://127.0.0.1:{free.port}"},
                ),
            ),
            (Hit("GET", "/rates/eur", 500), Hit("GET", "/history/eur", 500)),
        ),
        Application(
            "two-services",
            (
                flask("pricing", "two_services/pricing", "pricing.web", protocol="grpc"),
                flask(
                    "gateway",
                    "two_services/gateway",
                    "gateway.web",
                    "requests",
                    env={"PRICING_URL": "http://127.0.0.1:{pricing.port}"},
                ),
            ),
            (
                Hit("GET", "/products/lamp", 200),
                Hit("GET", "/products/sofa", 500),
                Hit("GET", "/previews/sofa", 200),
                Hit("GET", "/previews/ghost", 200),
            ),
        ),
        Application(
            "job",
            (),
            jobs=((Service("nightly", "nightly_import", (INSTRUMENT, "python", "-m", "nightly")), 1),),
        ),
        Application(
            "express",
            (
                Service(
                    "orders",
                    "express_orders",
                    ("node", "src/server.js"),
                    env={
                        "PORT": "{port}",
                        "NODE_OPTIONS": "--require @opentelemetry/auto-instrumentations-node/register",
                        "NODE_PATH": str(NODE_MODULES),
                    },
                    protocol="http/json",
                    stop=signal.SIGTERM,
                ),
            ),
            (
                Hit("POST", "/orders", 201, {"items": [{"sku": "lamp", "quantity": 2}]}),
                Hit("POST", "/orders", 500, {"items": [{"sku": "sofa", "quantity": 1}]}),
                Hit("GET", "/orders/17", 404),
            ),
        ),
    )
}
