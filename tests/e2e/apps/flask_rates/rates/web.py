"""Exchange rates, asked of a bank that may be down."""

import os

from flask import Flask, jsonify

from rates import bank

app = Flask(__name__)


@app.get("/rates/<currency>")
def rate(currency):
    return jsonify(bank.rate(os.environ["BANK_URL"], currency))


@app.get("/history/<currency>")
def history(currency):
    return jsonify(bank.history(os.environ["BANK_URL"], currency))
