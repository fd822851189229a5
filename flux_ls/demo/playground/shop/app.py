"""The shop's HTTP face."""

from flask import Flask

from shop import catalog

app = Flask(__name__)


@app.get("/products")
def list_products():
    return {"products": sorted(catalog.PRICES)}
