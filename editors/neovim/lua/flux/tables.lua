--- Which tables and rows there are to ask about.

local client_of = require('flux.client')
local notice = require('flux.notice')
local rows = require('flux.rows')

local M = {}

-- Nobody has a table of this name: asked for it, the server names those that there are.
local NO_TABLE = ''
local PATIENCE_MS = 500

---@param data any
---@return string[]
local function candidates(data)
  return type(data) == 'table' and data.candidates or {}
end

---@param answer { rows: flux.RowChange[] }
---@return string[]
local function keys_of(answer)
  local keys = {}
  for _, row in ipairs(answer.rows or {}) do
    if next(row.key) ~= nil then
      keys[#keys + 1] = rows.typed(row.key)
    end
  end
  return keys
end

--- Completes a table and, after it, the key of one of its rows: those that changed last.
---@param before string[]
---@return string[]
function M.complete(before)
  if #before == 0 then
    local _, _, data = client_of.command_now('blame', { table = NO_TABLE }, PATIENCE_MS)
    return candidates(data)
  elseif #before > 1 then
    return {}
  end
  local answer = client_of.command_now('blame', { table = before[1] }, PATIENCE_MS)
  return vim.tbl_filter(function(key)
    return not key:find('%s')
  end, type(answer) == 'table' and keys_of(answer) or {})
end

--- The table and the key that were typed. A key may have spaces in it.
---@param words string[]
---@return string? name
---@return string? key
function M.typed(words)
  local key = table.concat(words, ' ', 2)
  return words[1], key ~= '' and key or nil
end

---@param choices string[]
---@param prompt string
---@param callback fun(choice: string)
local function ask(choices, prompt, callback)
  vim.ui.select(choices, { prompt = prompt, kind = 'flux' }, function(choice)
    if choice then
      callback(choice)
    end
  end)
end

--- Lets the user choose a table.
---@param callback fun(name: string)
function M.choose(callback)
  client_of.with(function(client, problem)
    if not client then
      notice.fail(problem or 'the server is not running')
      return
    end
    client_of.ask(client, 'blame', { table = NO_TABLE }, function(err)
      local names = candidates(err and client_of.without_null(err.data))
      if #names > 0 then
        ask(names, 'Which table?', callback)
      else
        notice.warn('no row change is recorded: `flux run -- COMMAND` records them')
      end
    end)
  end)
end

--- Lets the user choose one of the rows of a table that changed last.
---@param name string
---@param callback fun(key: string, name: string)
function M.choose_row(name, callback)
  client_of.command('blame', { table = name }, function(answer)
    local keys = keys_of(answer)
    if #keys == 0 then
      notice.warn(('the keys of the rows of %s were not recorded'):format(answer.table))
      return
    end
    ask(keys, ('Which row of %s?'):format(answer.table), function(key)
      callback(key, answer.table)
    end)
  end)
end

return M
