"""A page that writes, and may fail."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.record.rows.django_shop.models import Tag


def put(request: HttpRequest, alias: str, key: int) -> HttpResponse:
    Tag.objects.using(alias).create(id=key, name=str(key))
    if "fail" in request.GET:
        raise KeyError
    return HttpResponse("ok")


urlpatterns = [path("<str:alias>/<int:key>", put)]
