"""What the shop sells, in cents."""

PRICES = {"mug": 1200, "poster": 1800, "sticker": 300}


def price(product: str) -> int:
    return PRICES[product]
