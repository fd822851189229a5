--- What happens in a buffer that Flux's server was attached to.

local M = {}

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  require('flux.hints').apply(client)
  require('flux.lenses').attach(client, bufnr)
  require('flux.stream').on_start(client)
end

return M
