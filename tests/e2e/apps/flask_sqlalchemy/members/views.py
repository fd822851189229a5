from flask import Blueprint, current_app, jsonify, request
from sqlalchemy.orm import Session

from members.repository import MemberRepository

blueprint = Blueprint("members", __name__)


@blueprint.post("/signup")
def signup():
    with Session(current_app.config["ENGINE"]) as session, session.begin():
        member_id = MemberRepository(session).add(request.get_json()["email"])
    return jsonify(id=member_id), 201
