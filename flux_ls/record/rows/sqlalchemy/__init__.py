"""Row changes that go through SQLAlchemy 1.4, 2.0 or 2.1: imported only where SQLAlchemy is."""
