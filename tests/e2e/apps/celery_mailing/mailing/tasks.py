from mailing.celery import app
from mailing.templates import fill


@app.task
def send_newsletter(address, name):
    return f"{address}: {fill('newsletter', name=name)}"
