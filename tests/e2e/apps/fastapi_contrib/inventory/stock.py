LEVELS = {"ham": (90, 3), "egg": (12, 0)}


def days_left(sku):
    level, per_day = LEVELS[sku]
    return level // per_day  # <- fault: stock
