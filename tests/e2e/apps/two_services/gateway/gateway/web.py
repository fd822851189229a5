"""The public side: asks the pricing service."""

import os

import requests
from flask import Flask, jsonify

app = Flask(__name__)


def price_of(sku):
    answer = requests.get(f"{os.environ['PRICING_URL']}/prices/{sku}", timeout=5)
    answer.raise_for_status()  # <- fault: gateway
    return answer.json()["cents"]


@app.get("/products/<sku>")
def product(sku):
    return jsonify(sku=sku, cents=price_of(sku))


@app.get("/previews/<sku>")
def preview(sku):
    try:
        return jsonify(sku=sku, cents=price_of(sku))
    except requests.HTTPError:
        return jsonify(sku=sku, cents=None)
