class Catalogue:
    def __init__(self, prices):
        self.prices = prices

    def cents(self, sku):
        return int(self.prices[sku])  # <- fault: pricing
