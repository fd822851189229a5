const express = require('express');
const { router } = require('./routes/orders');

const app = express();
app.use(express.json());
app.use('/orders', router);

const server = app.listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => server.close());
