"""Row changes that go through the Django ORM: imported only where Django is."""
