from catalog import views
from django.urls import path

urlpatterns = [
    path("books/<slug:slug>/", views.detail),
    path("books/<slug:slug>/label/", views.label),
    path("books/<slug:slug>/copy/", views.copy),
]
