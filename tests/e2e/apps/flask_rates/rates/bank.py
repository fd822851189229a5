import httpx
import requests


def rate(base, currency):
    answer = requests.get(f"{base}/rates/{currency}", timeout=2)  # <- fault: requests
    return answer.json()


def history(base, currency):
    with httpx.Client(base_url=base) as client:
        return client.get(f"/history/{currency}").json()  # <- fault: httpx
