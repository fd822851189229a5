import asyncio


class OfferRefused(ValueError):
    pass


async def cheap(sku):
    await asyncio.sleep(0.01)
    raise OfferRefused(f"{sku} is not sold to you")  # <- fault: group


async def dear(sku):
    await asyncio.sleep(5)
    return 100


async def best_offer(sku):
    async with asyncio.TaskGroup() as tasks:
        offers = [tasks.create_task(cheap(sku)), tasks.create_task(dear(sku))]
    return min(offer.result() for offer in offers)
