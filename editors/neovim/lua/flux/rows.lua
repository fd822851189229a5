--- Rows of the user's database, and what requests did to them, in words.

local plain = require('flux.plain')
local recorded = require('flux.recorded')

local M = {}

---@class flux.RowChange
---@field table string
---@field key table<string, any>
---@field operation 'insert'|'update'|'delete'
---@field columns table<string, { before?: any, after?: any }>
---@field outcome flux.Outcome
---@field span_id string
---@field request_id string
---@field at string
---@field frame? flux.Frame

---@class flux.RowState
---@field table string
---@field key table<string, any>
---@field exists boolean
---@field columns table<string, any>
---@field pending boolean
---@field outcome flux.Outcome

---@alias flux.Outcome 'committed'|'rolled_back'|'unknown'

local VALUE_CELLS = 60
local KEY_CELLS = 60

M.OPERATIONS = { insert = 'inserted', update = 'updated', delete = 'deleted' }

local OUTCOMES = {
  committed = { 'committed', 'FluxOk' },
  rolled_back = { 'rolled back', 'FluxHandled' },
  unknown = { 'outcome unknown', 'FluxHandled' },
}

--- How it ended, in words and colour.
---@param outcome flux.Outcome
---@return flux.Piece
function M.outcome(outcome)
  local told = OUTCOMES[outcome] or OUTCOMES.unknown
  return { ('(%s)'):format(told[1]), told[2] }
end

--- `users id=42`.
---@param name string
---@param key table<string, any>
---@return string
function M.name(name, key)
  local words = next(key) == nil and '(key not recorded)' or recorded.pairs(key, KEY_CELLS)
  return ('%s %s'):format(plain.text(name), words)
end

--- A key as one types it: `42`, or `order_id=7,position=2`.
---@param key table<string, any>
---@return string
function M.typed(key)
  local names = recorded.names(key)
  if #names == 1 then
    return recorded.bare(key, names[1], KEY_CELLS * 4)
  end
  return table.concat(
    vim.tbl_map(function(name)
      return ('%s=%s'):format(name, recorded.bare(key, name, KEY_CELLS * 4))
    end, names),
    ','
  )
end

--- What became of a column: `free → null`, or what an insert or a delete tells.
---@param operation string
---@param change { before?: any, after?: any }
---@param limit integer
---@return string
function M.column(operation, change, limit)
  if operation == 'insert' then
    return recorded.bare(change, 'after', limit)
  elseif operation == 'delete' then
    return recorded.bare(change, 'before', limit)
  end
  return ('%s → %s'):format(recorded.bare(change, 'before', limit), recorded.bare(change, 'after', limit))
end

--- The columns that a change tells of, but those that the row's name tells already.
---@param row flux.RowChange
---@return string[]
local function telling(row)
  return vim.tbl_filter(function(name)
    return row.operation == 'update' or row.key[name] == nil
  end, recorded.names(row.columns))
end

--- A change in one line: `users id=42  plan: free → null  (rolled back)`.
---@param row flux.RowChange
---@param limit integer
---@return flux.Piece[]
function M.change(row, limit)
  local name = M.name(row.table, row.key)
  local done = row.operation == 'update' and '' or '  ' .. M.OPERATIONS[row.operation]
  local columns, room = {}, limit - #name - #done - 16
  for _, column in ipairs(telling(row)) do
    local text = ('%s: %s'):format(plain.text(column), M.column(row.operation, row.columns[column], 30))
    room = room - vim.api.nvim_strwidth(text) - 2
    if #columns > 0 and room < 0 then
      columns[#columns + 1] = '…'
      break
    end
    columns[#columns + 1] = text
  end
  return {
    { name },
    { done, 'FluxQuiet' },
    { #columns > 0 and '  ' .. table.concat(columns, ', ') or '' },
    { '  ' },
    M.outcome(row.outcome),
  }
end

--- The columns of a change, one a line, the colons below each other: `plan : free → null`.
---@param row flux.RowChange
---@return flux.Piece[][]
function M.columns(row)
  local names, wide = telling(row), 0
  for _, name in ipairs(names) do
    wide = math.max(wide, vim.api.nvim_strwidth(plain.text(name)))
  end
  return vim.tbl_map(function(name)
    local words = plain.text(name)
    return {
      { words .. (' '):rep(wide - vim.api.nvim_strwidth(words)) },
      { ' : ', 'FluxQuiet' },
      { M.column(row.operation, row.columns[name], VALUE_CELLS) },
    }
  end, names)
end

---@param state flux.RowState
---@return string words
---@return string? group
local function certainty(state)
  if state.outcome == 'committed' then
    return state.pending and 'not committed yet' or 'committed', 'FluxQuiet'
  elseif state.outcome == 'rolled_back' then
    return state.pending and 'not committed, and rolled back later' or 'rolled back', 'FluxHandled'
  end
  return 'outcome unknown', 'FluxHandled'
end

--- A row as it was at a moment: `users id=42  plan=free  (not committed yet)`.
---@param state flux.RowState
---@param limit integer
---@return flux.Piece[]
function M.state(state, limit)
  local name = M.name(state.table, state.key)
  local words, group = certainty(state)
  local held = 'does not exist'
  if state.exists then
    held = recorded.pairs(state.columns, math.max(limit - #name - #words - 6, 20), state.key)
  end
  return { { name }, { held == '' and '' or '  ' .. held }, { '  ' }, { ('(%s)'):format(words), group } }
end

return M
