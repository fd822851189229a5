"""The inner side: knows the prices."""

from flask import Flask, abort, jsonify

from pricing.catalogue import Catalogue

app = Flask(__name__)
catalogue = Catalogue({"lamp": "1290", "sofa": "n/a"})


@app.get("/prices/<sku>")
def price(sku):
    if sku not in catalogue.prices:
        abort(404)
    return jsonify(cents=catalogue.cents(sku))
