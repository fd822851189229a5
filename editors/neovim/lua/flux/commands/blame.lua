--- Who wrote what a row holds: per column the last committed writer. <CR> on one goes to the line that wrote it.

local client_of = require('flux.client')
local location = require('flux.location')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local recorded = require('flux.recorded')
local rows = require('flux.rows')
local tables = require('flux.tables')
local view = require('flux.view')
local writers = require('flux.writers')

---@class flux.command.Blame: flux.Command
local M = {
  summary = 'who wrote what a row holds',
  ids = true,
  complete = tables.complete,
}

local VALUE_CELLS = 24
local NAME_CELLS = 24
local ROW_CELLS = 110

---@class flux.BlamedColumn
---@field column string
---@field value any
---@field request_id string
---@field function? string
---@field frame? flux.Frame
---@field at string
---@field revision? string
---@field operation string
---@field key table<string, any>

---@class flux.Blame
---@field table string
---@field key? table<string, any> Nil when all rows were asked about.
---@field columns flux.BlamedColumn[]
---@field attempts flux.RowChange[]
---@field rows flux.RowChange[]

---@param texts string[]
---@param most integer
---@return integer
local function widest(texts, most)
  local wide = 0
  for _, text in ipairs(texts) do
    wide = math.max(wide, vim.api.nvim_strwidth(text))
  end
  return math.min(wide, most)
end

---@param answer flux.Blame
---@return flux.Line[]
---@return table<integer, flux.Writer> by_line
local function render(answer)
  local lines, by_line = {}, {}
  local function add(writer, pieces)
    lines[#lines + 1] = view.line(unpack(pieces))
    by_line[#lines] = writer
  end
  local subject = answer.key and rows.name(answer.table, answer.key) or plain.text(answer.table)
  add(nil, { { '  ' }, { subject, 'FluxTitle' } })
  if answer.key and #answer.columns > 0 and answer.columns[1].operation == 'delete' then
    add(nil, { { '  this row was deleted', 'FluxHandled' } })
  end
  add(nil, { { '' } })
  if #answer.columns == 0 then
    add(nil, { { '  no committed write is recorded' } })
  end
  local names, values = {}, {}
  for position, column in ipairs(answer.columns) do
    names[position] = plain.text(column.column)
    values[position] = recorded.bare(column, 'value', VALUE_CELLS)
  end
  local name_cells, value_cells = widest(names, NAME_CELLS), widest(values, VALUE_CELLS)
  for position, column in ipairs(answer.columns) do
    local pieces = {
      { '  ' .. view.fit(names[position], name_cells) },
      { ' : ', 'FluxQuiet' },
      { view.fit(values[position], value_cells) },
      { answer.key and '' or '  ' .. recorded.pairs(column.key, NAME_CELLS), 'FluxQuiet' },
      { '  req:' .. column.request_id:sub(1, 8), 'FluxId' },
      { '  ' .. phrases.ago(column.at) .. '  ', 'FluxQuiet' },
    }
    if column.frame then
      vim.list_extend(pieces, location.pieces(column.frame))
    end
    if column.revision then
      pieces[#pieces + 1] = { '  ' .. plain.text(column.revision:sub(1, 8)), 'FluxQuiet' }
    end
    add({ frame = column.frame, id = column.request_id }, pieces)
  end
  local function section(title, about, changes)
    if #changes > 0 then
      add(nil, { { '' } })
      add(nil, { { '  ' .. title, 'FluxHeading' }, { '  ' .. about, 'FluxQuiet' } })
    end
    for _, change in ipairs(changes) do
      local pieces = vim.list_extend({ { '  ' } }, rows.change(change, ROW_CELLS))
      pieces[#pieces + 1] = { '  req:' .. change.request_id:sub(1, 8), 'FluxId' }
      pieces[#pieces + 1] = { '  ' .. phrases.ago(change.at), 'FluxQuiet' }
      add({ frame = change.frame, id = change.request_id }, pieces)
    end
  end
  section('ATTEMPTS', 'later, and not lasting', answer.attempts or {})
  section('LATEST', 'rows that changed last', answer.rows or {})
  return lines, by_line
end

---@param name string
---@param key? string
function M.open(name, key)
  client_of.command('blame', { table = name, id = key }, function(answer, client)
    local lines, by_line = render(answer)
    local about = key and ('%s/%s'):format(answer.table, key) or answer.table
    writers.show({ name = 'blame/' .. about, filetype = 'flux-blame', wrap = 6 }, lines, by_line, client)
  end)
end

---@param arguments flux.Arguments
function M.run(arguments)
  local name, key = tables.typed(arguments.ids)
  if name then
    M.open(name, key)
  else
    tables.choose(M.open)
  end
end

return M
