TEMPLATES = {"newsletter": "Dear {name}, welcome to {city}"}


def fill(template, **values):
    return TEMPLATES[template].format(**values)  # <- fault: task
