--- What happens in a buffer that Flux's server was attached to.

local M = {}

local group = vim.api.nvim_create_augroup('flux.names', {})

--- A buffer that is about to have another name is another file to the server: nothing of the old one stays in it.
---@param client vim.lsp.Client
---@param bufnr integer
local function follow_name(client, bufnr)
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.api.nvim_create_autocmd('BufFilePre', {
    group = group,
    buffer = bufnr,
    desc = 'Flux: leave the file of the old name',
    callback = function()
      vim.lsp.buf_detach_client(bufnr, client.id)
      require('flux.lenses').clear(client, bufnr)
      -- It may be written under its new name right after, or keep the old one.
      vim.schedule(function()
        if vim.api.nvim_buf_is_loaded(bufnr) and not client:is_stopped() then
          vim.lsp.buf_attach_client(bufnr, client.id)
        end
      end)
    end,
  })
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  require('flux.hints').apply(client)
  require('flux.lenses').attach(bufnr)
  require('flux.stream').on_start(client)
  follow_name(client, bufnr)
end

return M
