"""A ticket desk on plain Starlette."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from tickets.seats import Hall
from tickets.tenancy import TenantMiddleware

hall = Hall(rows=3, seats=4)


async def reserve(request):
    row, seat = request.path_params["row"], request.path_params["seat"]
    return JSONResponse({"ticket": await hall.reserve(row, seat)})


app = Starlette(
    routes=[Route("/rows/{row:int}/seats/{seat:int}", reserve, methods=["POST"])],
    middleware=[Middleware(TenantMiddleware)],
)
