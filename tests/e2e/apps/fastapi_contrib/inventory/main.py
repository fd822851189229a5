"""Stock levels, under the FastAPI instrumentor."""

from fastapi import BackgroundTasks, FastAPI, HTTPException
from pydantic import BaseModel

from inventory import audit, stock, suppliers

app = FastAPI()


class Delivery(BaseModel):
    sku: str
    quantity: int


@app.get("/stock/{sku}")
async def level(sku: str):
    if sku == "unknown":
        raise HTTPException(404, "no such article")
    return {"sku": sku, "days_left": stock.days_left(sku)}


@app.post("/deliveries", status_code=201)
async def deliver(delivery: Delivery):
    return delivery


@app.post("/audits", status_code=202)
async def start_audit(background: BackgroundTasks):
    background.add_task(audit.run, "main")
    return {"started": True}


@app.get("/offers/{sku}")
async def offers(sku: str):
    return {"best": await suppliers.best_offer(sku)}
