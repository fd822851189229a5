--- Words for the user, each marked as coming from Flux.

local M = {}

---@param message string
function M.info(message)
  vim.notify('flux: ' .. message, vim.log.levels.INFO)
end

---@param message string
function M.warn(message)
  vim.notify('flux: ' .. message, vim.log.levels.WARN)
end

--- Said after what runs now: inside a |:command| that Lua runs, an error message would be an error of the caller's.
---@param message string
function M.fail(message)
  vim.schedule(function()
    vim.notify('flux: ' .. message, vim.log.levels.ERROR)
  end)
end

return M
