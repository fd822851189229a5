const { Router } = require('express');
const { Pricing } = require('../services/pricing');

const router = Router();
const pricing = new Pricing({ lamp: { cents: 1290 } });

router.post('/', async (request, response) => {
  const total = pricing.total(request.body.items);
  response.status(201).json({ total });
});

router.get('/:id', (request, response) => {
  response.status(404).json({ error: `no order ${request.params.id}` });
});

module.exports = { router };
