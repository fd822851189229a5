def count(warehouse):
    raise LookupError(f"warehouse {warehouse} is closed")  # <- fault: background


def run(warehouse):
    count(warehouse)
