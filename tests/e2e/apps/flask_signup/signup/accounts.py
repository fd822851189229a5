"""Who signs up, and for what."""

from sqlalchemy.orm import Session

from signup.models import Charge, User
from signup.payments import create_charge

PRICES = {"free": 0, "pro": 2900}


def create_user(session: Session, email: str) -> User:
    user = User(email=email)
    session.add(user)
    session.flush()
    return user


def subscribe(session: Session, user: User, plan: str) -> None:
    # While the payment is under way the user is on no plan at all.
    user.plan = None
    session.flush()
    charge = create_charge(f"cus_{user.id}", PRICES[plan])
    user.plan = plan
    session.add(Charge(id=charge["id"], user_id=user.id, cents=charge["amount"]))
