--- Windows whose lines tell of who wrote something: each leads to the line of code and to the request.

local client_of = require('flux.client')
local leads = require('flux.leads')
local location = require('flux.location')
local view = require('flux.view')

local M = {}

---@class flux.Writer
---@field frame? flux.Frame
---@field id string Of the request.

---@param options flux.ViewOptions
---@param lines flux.Line[]
---@param by_line table<integer, flux.Writer>
---@param client vim.lsp.Client
---@return integer bufnr
function M.show(options, lines, by_line, client)
  local roots = client_of.roots(client)
  ---@return flux.Writer?
  local function under_cursor()
    return by_line[vim.api.nvim_win_get_cursor(0)[1]]
  end
  local function which()
    local writer = under_cursor()
    return writer and writer.id
  end
  local bufnr = view.show(options, lines, {
    {
      lhs = '<CR>',
      plug = 'open',
      hint = 'open',
      desc = 'go to the line that wrote it; why the request failed where that line is not known',
      run = function()
        local writer = under_cursor()
        if writer then
          view.step_aside()
          if not location.jump(writer.frame, roots) then
            require('flux.commands.why').open(writer.id)
          end
        end
      end,
    },
    leads.why(which),
    leads.trace(which),
    leads.debug(which),
  })
  vim.b[bufnr].flux_request = which
  return bufnr
end

return M
