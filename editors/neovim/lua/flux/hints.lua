--- The failure in words at the end of its line: how Flux's diagnostics look, and nobody else's.

local M = {}

---@param client vim.lsp.Client
function M.apply(client)
  local namespace = vim.lsp.diagnostic.get_namespace(client.id)
  if not require('flux.config').get().hints.virtual_text then
    vim.diagnostic.config({ virtual_text = false }, namespace)
    return
  end
  local everywhere = vim.diagnostic.config() or {}
  if everywhere.virtual_text or everywhere.virtual_lines then
    return -- The user's own style already shows the words.
  end
  vim.diagnostic.config({
    virtual_text = {
      prefix = '●',
      spacing = 2,
      ---@param diagnostic vim.Diagnostic
      format = function(diagnostic)
        return (diagnostic.message:match('^[^\r\n]*'))
      end,
    },
  }, namespace)
end

return M
