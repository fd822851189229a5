"""Bookings, with the OpenTelemetry that FastAPI brings itself."""

from typing import Annotated

from fastapi import Depends, FastAPI

from app.calendars import Calendar, load_calendar

app = FastAPI()


def current_calendar(room: str) -> Calendar:
    return load_calendar(room)


@app.post("/rooms/{room}/bookings")
def book(room: str, hour: int, calendar: Annotated[Calendar, Depends(current_calendar)]):
    return {"room": room, "booked": calendar.book(hour)}
