"""The payment provider."""

import os

import requests

PROVIDER = os.environ["PROVIDER_URL"]
PATIENCE_S = float(os.environ.get("PATIENCE_S", "10"))
KEY = os.environ.get("PROVIDER_KEY", "")


class ProviderTimeout(Exception):
    pass


def create_charge(customer_id: str, amount: int) -> dict:
    payload = {"customer": customer_id, "amount": amount}
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        answer = requests.post(f"{PROVIDER}/v1/charges", json=payload, headers=headers, timeout=PATIENCE_S)
    except requests.Timeout:
        raise ProviderTimeout(f"Stripe API timeout after {PATIENCE_S:g}s")  # <- fault: provider
    answer.raise_for_status()
    return answer.json()
