from sqlalchemy.orm import Session

from members.models import Member


class MemberRepository:
    def __init__(self, session: Session):
        self.session = session

    def add(self, email: str) -> int:
        member = Member(email=email)
        self.session.add(member)
        self.session.flush()  # <- fault: signup
        return member.id
