"""A membership list: Flask and SQLAlchemy."""

import os

from flask import Flask
from sqlalchemy import create_engine

from members.models import Base
from members.views import blueprint


def create_app():
    app = Flask(__name__)
    app.config["ENGINE"] = create_engine(os.environ["DATABASE_URL"])
    Base.metadata.create_all(app.config["ENGINE"])
    app.register_blueprint(blueprint)
    return app
