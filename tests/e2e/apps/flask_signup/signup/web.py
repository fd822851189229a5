"""The service: `POST /signup`."""

from flask import Flask, request
from sqlalchemy.orm import Session

from signup.accounts import create_user, subscribe
from signup.models import Base, User, engine

app = Flask(__name__)


def prepare() -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.merge(User(id=41, email="grace@example.org"))


prepare()


@app.post("/signup")
def signup():
    wanted = request.get_json()
    with Session(engine) as session, session.begin():
        user = create_user(session, wanted["email"])
        subscribe(session, user, wanted["plan"])
        return {"id": user.id, "plan": user.plan}, 201


@app.get("/users/<int:user_id>")
def show(user_id: int):
    with Session(engine) as session:
        user = session.get(User, user_id)
        return ({"id": user.id, "plan": user.plan}, 200) if user else ({"error": "no such user"}, 404)
