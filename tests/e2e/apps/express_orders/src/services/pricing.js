class Pricing {
  constructor(prices) {
    this.prices = prices;
  }

  total(items) {
    return items.reduce((sum, item) => sum + this.price(item), 0);
  }

  price(item) {
    return this.prices[item.sku].cents * item.quantity; // <- fault: pricing
  }
}

module.exports = { Pricing };
