from starlette.middleware.base import BaseHTTPMiddleware

TENANTS = {"opera": 1, "cinema": 2}


class UnknownTenant(RuntimeError):
    pass


class TenantMiddleware(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        tenant = request.headers.get("x-tenant", "opera")
        if tenant not in TENANTS:
            raise UnknownTenant(f"no tenant {tenant!r}")  # <- fault: middleware
        request.state.tenant = TENANTS[tenant]
        return await call_next(request)
