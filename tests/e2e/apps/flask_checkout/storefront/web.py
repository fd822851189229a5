"""The shop's HTTP side."""

from flask import Flask, jsonify, request

from storefront import customers, receipts, reports, shipping
from storefront.checkout import Checkout
from storefront.payments.stripe import StripeClient

app = Flask(__name__)
checkout = Checkout(StripeClient(timeout=10))


@app.post("/checkout")
def place_order():
    order = checkout.place(request.get_json())
    return jsonify(order), 201


@app.get("/reports/<month>")
def monthly_report(month):
    return jsonify(reports.monthly(month))


@app.get("/shipping/<country>")
def shipping_price(country):
    return jsonify(price=shipping.price(country))


@app.post("/reserve/<sku>")
def reserve(sku):
    return jsonify(attempts=shipping.reserve(sku))


@app.post("/orders/<int:order_id>/receipt")
def send_receipt(order_id):
    receipts.send_later(order_id)
    return jsonify(queued=True), 202


@app.get("/customers/<name>")
def greeting(name):
    return jsonify(greeting=customers.greeting(name))


@app.get("/health")
def health():
    return jsonify(ready=False), 503
