--- Keys that lead from one window about a request to the others.

local view = require('flux.view')

local M = {}

---@alias flux.Which string|fun(): string? The id of a request, or what is under the cursor.

---@param name string The command's module.
---@param which flux.Which
---@return fun()
local function opening(name, which)
  return function()
    local id ---@type string?
    if type(which) == 'function' then
      id = which()
    else
      id = which
    end
    if id then
      view.step_aside()
      require('flux.commands.' .. name).open(id)
    end
  end
end

---@param which flux.Which
---@return flux.Key
function M.why(which)
  return {
    lhs = 'w',
    plug = 'why-here',
    hint = 'why',
    desc = 'why this request failed',
    run = opening('why', which),
  }
end

---@param which flux.Which
---@return flux.Key
function M.trace(which)
  return {
    lhs = 't',
    plug = 'trace-here',
    hint = 'trace',
    desc = 'the trace of this request',
    run = opening('trace', which),
  }
end

---@param which flux.Which
---@return flux.Key
function M.debug(which)
  return {
    lhs = 'd',
    plug = 'debug-here',
    hint = 'debug',
    desc = 'this request step by step',
    run = opening('debug', which),
  }
end

---@param which flux.Which
---@return flux.Key
function M.diff(which)
  return {
    lhs = 'c',
    plug = 'diff-here',
    hint = 'compare',
    desc = 'compare this request with the last good one',
    run = opening('diff', which),
  }
end

return M
