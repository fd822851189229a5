from django.db import models


class Book(models.Model):
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    pages = models.IntegerField(default=0)
    cents = models.IntegerField(default=0)

    @property
    def cents_a_page(self):
        return self.cents / self.pages  # <- fault: template_call

    def duplicate(self):
        return Book.objects.create(slug=self.slug, title=self.title)  # <- fault: orm
