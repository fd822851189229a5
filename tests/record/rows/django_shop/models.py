"""The shop's tables, as Django has them."""

from django.db import models


class Tag(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        app_label = "django_shop"
        db_table = "tag"


class User(models.Model):
    name = models.CharField(max_length=50)
    plan = models.CharField(max_length=50, null=True)
    visits = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag, db_table="user_tag")

    class Meta:
        app_label = "django_shop"
        db_table = "users"


class Order(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.SET_NULL, null=True)
    number = models.IntegerField()

    class Meta:
        app_label = "django_shop"
        db_table = "order_line"
        unique_together = (("user", "number"),)


class Person(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "django_shop"
        db_table = "person"


class Engineer(Person):
    language = models.CharField(max_length=50, null=True)

    class Meta:
        app_label = "django_shop"
        db_table = "engineer"


class Place(models.Model):
    pk = models.CompositePrimaryKey("floor", "room")
    floor = models.IntegerField()
    room = models.CharField(max_length=10)
    note = models.CharField(max_length=50, null=True)
    photo = models.BinaryField(null=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    seen = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "django_shop"
        db_table = "place"
