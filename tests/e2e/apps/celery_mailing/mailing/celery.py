import os

from celery import Celery

SPOOL = os.environ["SPOOL"]

app = Celery("mailing", broker="filesystem://", include=["mailing.tasks"])
app.conf.broker_transport_options = {
    "data_folder_in": SPOOL,
    "data_folder_out": SPOOL,
    "processed_folder": SPOOL,
    "control_folder": SPOOL,
    "polling_interval": 0.05,
}
