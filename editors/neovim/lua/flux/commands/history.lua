--- Every recorded change of a row, the newest first. <CR> on one goes to the line that wrote it.

local client_of = require('flux.client')
local location = require('flux.location')
local phrases = require('flux.phrases')
local rows = require('flux.rows')
local tables = require('flux.tables')
local view = require('flux.view')
local writers = require('flux.writers')

---@class flux.command.History: flux.Command
local M = {
  summary = 'what happened to a row',
  ids = true,
  complete = tables.complete,
}

---@param answer { table: string, key: table<string, any>, changes: flux.RowChange[], total: integer }
---@return flux.Line[]
---@return table<integer, flux.Writer> by_line
local function render(answer)
  local by_line = {}
  local lines = {
    view.line(
      { '  ' },
      { rows.name(answer.table, answer.key), 'FluxTitle' },
      { '  ' .. phrases.counted(answer.total, 'change'), 'FluxQuiet' }
    ),
  }
  local function add(writer, pieces)
    lines[#lines + 1] = view.line(unpack(pieces))
    by_line[#lines] = writer
  end
  for _, change in ipairs(answer.changes) do
    local writer = { frame = change.frame, id = change.request_id }
    add(nil, { { '' } })
    add(writer, {
      { '  ' },
      { view.fit(rows.OPERATIONS[change.operation] or change.operation, 9), 'FluxHeading' },
      rows.outcome(change.outcome),
      { '  req:' .. change.request_id:sub(1, 8), 'FluxId' },
      { '  ' .. phrases.ago(change.at), 'FluxQuiet' },
    })
    for _, pieces in ipairs(rows.columns(change)) do
      add(writer, vim.list_extend({ { '    ' } }, pieces))
    end
    if change.frame then
      add(writer, vim.list_extend({ { '    ' } }, location.pieces(change.frame)))
    end
  end
  if answer.total > #answer.changes then
    local more = phrases.counted(answer.total - #answer.changes, 'earlier change')
    add(nil, { { '' } })
    add(nil, { { '  … ' .. more, 'FluxQuiet' } })
  end
  return lines, by_line
end

---@param name string
---@param key string
function M.open(name, key)
  client_of.command('history', { table = name, id = key }, function(answer, client)
    local lines, by_line = render(answer)
    writers.show(
      { name = ('history/%s/%s'):format(answer.table, key), filetype = 'flux-history', wrap = 6 },
      lines,
      by_line,
      client
    )
  end)
end

---@param arguments flux.Arguments
function M.run(arguments)
  local name, key = tables.typed(arguments.ids)
  if name and key then
    M.open(name, key)
    return
  end
  local function of_table(chosen)
    tables.choose_row(chosen, function(row, full_name)
      M.open(full_name, row)
    end)
  end
  if name then
    of_table(name)
  else
    tables.choose(of_table)
  end
end

return M
