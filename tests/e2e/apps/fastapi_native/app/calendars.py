from dataclasses import dataclass, field


class DoubleBooking(Exception):
    def __init__(self, hour):
        super().__init__(hour)
        self.hour = hour

    def __str__(self):
        return f"{self.hour}:00 is taken"


class CalendarMissing(Exception):
    pass


@dataclass
class Calendar:
    taken: set[int] = field(default_factory=set)

    def book(self, hour):
        if hour in self.taken:
            raise DoubleBooking(hour)  # <- fault: booking
        self.taken.add(hour)
        return hour


CALENDARS = {"blue": Calendar({9, 10}), "red": Calendar()}


def load_calendar(room):
    if room not in CALENDARS:
        raise CalendarMissing(f"nobody keeps a calendar for {room}")  # <- fault: dependency
    return CALENDARS[room]
