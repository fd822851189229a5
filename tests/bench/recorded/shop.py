"""A small Flask and SQLAlchemy service: `POST /signup` through four functions, a SELECT, an INSERT and an UPDATE."""

from flask import Flask, request
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
app = Flask(__name__)

HOT_CALLS = 2000


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    plan: Mapped[str | None]
    visits: Mapped[int] = mapped_column(default=0)


def prepare() -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(User(id=1, email="first@example.org", name="First", plan="free"))


def normalised(email: str) -> str:
    return email.strip().lower()


def create_user(session: Session, email: str, profile: dict[str, object]) -> User:
    user = User(email=normalised(email), name=str(profile["name"]), plan="free")
    session.add(user)
    session.flush()
    return user


def subscribe(session: Session, user: User, plan: str) -> None:
    user.plan = plan
    session.flush()


def referrer(session: Session, id: int) -> str:
    return session.scalars(select(User).where(User.id == id)).one().name


def weight(number: int) -> int:
    return number * 3 % 7


def heaviest(count: int) -> int:
    best = 0
    for number in range(count):
        best = max(best, weight(number))
    return best


@app.post("/signup")
def signup():  # type: ignore[no-untyped-def]
    wanted = request.get_json()
    with Session(engine) as session:
        thanks = referrer(session, wanted["referrer"])
        user = create_user(session, wanted["email"], wanted["profile"])
        subscribe(session, user, wanted["plan"])
        session.commit()
        return {"id": user.id, "plan": user.plan, "thanks": thanks}, 201


@app.get("/hot")
def hot():  # type: ignore[no-untyped-def]
    return {"heaviest": heaviest(HOT_CALLS)}
