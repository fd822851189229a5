"""The payment provider."""


class PaymentTimeout(Exception):
    """The provider did not answer in time."""


class StripeClient:
    def __init__(self, timeout):
        self.timeout = timeout

    def charge(self, customer, cents):
        if cents >= 100_000:
            raise PaymentTimeout(f"Stripe API timeout after {self.timeout}s")  # <- fault: checkout
        return f"ch_{customer}_{cents}"
