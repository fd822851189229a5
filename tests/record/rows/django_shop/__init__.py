"""A shop as a Django application. Its tests run in a process of their own: Django has one configuration for good."""
