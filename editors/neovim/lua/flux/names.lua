--- What `:Flux` can do, by name, in the order in which it is offered. Read at start: a list, and nothing else.

---@type string[]
return {
  'tail',
  'why',
  'trace',
  'debug',
  'diff',
  'replay',
  'bisect',
  'history',
  'blame',
  'errors',
  'explain',
  'test',
  'run',
  'doctor',
  'dismiss',
  'restore',
  'trust',
  'restart',
}
