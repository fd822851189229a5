"""Rows that recorded requests wrote, put back in a throw-away database to what they were before.

`course.py` decides, the same for every database; `sqlite.py` and `postgresql.py` say how a table of theirs is asked and
changed. None of them executes anything: they yield what is to be asked (`asking.py`), so that any driver can do it.
"""
