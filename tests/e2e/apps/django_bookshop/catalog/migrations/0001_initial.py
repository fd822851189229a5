from django.db import migrations, models


def stock(apps, schema_editor):
    apps.get_model("catalog", "Book").objects.create(slug="blank", title="A blank book", pages=0, cents=500)


class Migration(migrations.Migration):
    initial = True
    operations = [  # noqa: RUF012
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("slug", models.SlugField(unique=True)),
                ("title", models.CharField(max_length=200)),
                ("pages", models.IntegerField(default=0)),
                ("cents", models.IntegerField(default=0)),
            ],
        ),
        migrations.RunPython(stock),
    ]
