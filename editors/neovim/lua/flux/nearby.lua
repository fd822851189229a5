--- A server in the project's own environment that is not on PATH: it is named, and never run unasked.

local M = {}

--- Where people have a flux-ls without knowing it.
---@return string? path
function M.server()
  local root = vim.fs.root(0, { 'pyproject.toml', '.git' }) or vim.fn.getcwd()
  for _, folder in ipairs({ '.venv', 'venv' }) do
    for _, place in ipairs({ 'bin/flux-ls', 'Scripts/flux-ls.exe' }) do
      local path = vim.fs.joinpath(root, folder, place)
      if vim.fn.executable(path) == 1 then
        return path
      end
    end
  end
end

--- Says why nothing shows in a project that has Flux. One that has not is left in peace.
function M.tell()
  local config = require('flux.client').config()
  local cmd = config and config.cmd
  if not vim.lsp.is_enabled('flux') or type(cmd) ~= 'table' or vim.fn.executable(cmd[1]) == 1 then
    return
  end
  local path = M.server()
  if path then
    require('flux.notice').warn(
      ('%s is not on PATH, but this project has it: activate its environment, or set vim.g.flux.cmd to %s'):format(
        cmd[1],
        path
      )
    )
  end
end

return M
