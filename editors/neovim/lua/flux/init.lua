--- The face of the plugin. Nothing here has to be called: `vim.g.flux` and `:Flux` are enough.

local M = {}

--- Merges `opts` into `vim.g.flux`, for plugin managers that configure by `setup()`.
---@param opts? flux.UserConfig
function M.setup(opts)
  local given = type(vim.g.flux) == 'table' and vim.g.flux or {}
  vim.g.flux = vim.tbl_deep_extend('force', given, opts or {})
  -- An empty refinement makes Neovim read lsp/flux.lua, and so these settings, anew.
  vim.lsp.config('flux', {})
  vim.lsp.enable('flux', require('flux.config').get().enable)
end

--- What to know at a glance, for a status line: `flux 3✗`, `flux ✓`, `flux ⚠ no collector`; '' without a server.
---@return string
function M.statusline()
  local status = package.loaded['flux.status'] -- Whoever has no server loads nothing for it.
  return status and status.words() or ''
end

return M
