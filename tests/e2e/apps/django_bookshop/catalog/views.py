from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from catalog.models import Book


def detail(request, slug):
    book = get_object_or_404(Book, slug=slug)
    return render(request, "catalog/detail.html", {"book": book})


def label(request, slug):
    book = get_object_or_404(Book, slug=slug)
    return render(request, "catalog/label.html", {"book": book})  # <- fault: template_syntax


def copy(request, slug):
    book = get_object_or_404(Book, slug=slug)
    book.duplicate()
    return HttpResponse(status=201)
