"""What happens when a customer pays."""


class Checkout:
    def __init__(self, payments):
        self.payments = payments

    def place(self, cart):
        total = sum(item["cents"] * item["quantity"] for item in cart["items"])
        receipt = self.payments.charge(cart["customer"], total)
        return {"customer": cart["customer"], "total": total, "receipt": receipt}
