--- How the steps of a request look: a line for each, and what went in and out of the current one below it.

local location = require('flux.location')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local recorded = require('flux.recorded')
local rows = require('flux.rows')
local view = require('flux.view')

local M = {}

---@class flux.Step
---@field span_id string
---@field name string
---@field kind string
---@field depth integer
---@field duration_ms number
---@field status string
---@field error? string
---@field input any
---@field output any
---@field recorded string[] Which of these two were recorded.
---@field attributes table<string, any>
---@field frame? flux.Frame
---@field row_changes flux.RowChange[]
---@field rows_state flux.RowState[]
---@field outcome? flux.Outcome How it ended, of a transaction.
---@field noise boolean
---@field parent_missing boolean

--- Where the details of a step begin, and where those that are wrapped go on.
M.INDENT = 6
M.WRAP = M.INDENT + 5

local VALUE_CELLS = 300
local ROW_CELLS = 150
local MOST_CHANGES = 20
local DEEPEST = 12
-- What a message is made of that is not told by its first words or its body.
local ENVELOPE =
  { method = true, path = true, url = true, query = true, headers = true, body = true, status = true }

---@param step flux.Step
---@param which 'input'|'output'
---@return boolean
function M.has(step, which)
  return vim.list_contains(step.recorded or {}, which)
end

---@param step flux.Step
---@return string
function M.name(step)
  local name = plain.text(step.name)
  return name == '' and '(no name)' or name
end

--- How bad it is: an error that was recorded on a span which then ended well is a warning.
---@param step flux.Step
---@return string? group
function M.group(step)
  if not step.error then
    return nil
  end
  local status = (step.attributes or {})['http.response.status_code']
  local refused = type(status) == 'number' and status < 500
  return (step.status == 'ok' or refused) and 'FluxHandled' or 'FluxFailed'
end

--- An HTTP request or response: `POST /signup  {email: …}`, `201  {id: 42}`. Headers are left out.
---@param step flux.Step
---@param which 'input'|'output'
---@return string?
local function message(step, which)
  local told = step[which]
  local telling = which == 'input' and 'method' or 'status'
  if (step.kind ~= 'server' and step.kind ~= 'client') or type(told) ~= 'table' or told[telling] == nil then
    return nil
  end
  local head = {}
  for _, name in ipairs({ 'status', 'method', 'path', 'url' }) do
    if told[name] ~= nil then
      head[#head + 1] = recorded.bare(told, name, VALUE_CELLS / 2)
    end
  end
  local parts = { table.concat(head, ' ') }
  for _, name in ipairs({ 'query', 'body' }) do
    local value = told[name]
    if value ~= nil and not (recorded.is_object(value) and next(value) == nil) then
      parts[#parts + 1] = recorded.shown(told, name, VALUE_CELLS)
    end
  end
  local more = recorded.pairs(told, 80, ENVELOPE)
  parts[#parts + 1] = more ~= '' and more or nil
  return plain.cut(table.concat(parts, '  '), VALUE_CELLS)
end

--- The names and values that were recorded, or the value by itself.
---@param step flux.Step
---@param which 'input'|'output'
---@return string
local function value(step, which)
  local told = step[which]
  if
    which == 'input'
    and recorded.is_object(told)
    and not recorded.is_mark(told)
    and told['$type'] == nil
  then
    local words = recorded.pairs(told, VALUE_CELLS)
    return words == '' and '(nothing)' or words
  end
  return recorded.shown(step, which, VALUE_CELLS)
end

--- What was recorded to go in, else what plain OpenTelemetry says of a call.
---@param step flux.Step
---@return string?
local function went_in(step)
  if M.has(step, 'input') then
    return message(step, 'input') or value(step, 'input')
  end
  local attributes = step.attributes or {}
  local statement = attributes['db.query.text']
  if type(statement) == 'string' then
    return plain.cut(plain.text((vim.trim(statement):gsub('%s+', ' '))), VALUE_CELLS)
  end
  local method = attributes['http.request.method']
  local where = step.kind == 'client' and (attributes['url.full'] or attributes['url.path'])
    or attributes['url.path']
    or attributes['url.full']
  if method and where then
    return plain.cut(plain.text(('%s %s'):format(method, where)), VALUE_CELLS)
  end
end

---@param step flux.Step
---@return flux.Piece[]?
local function came_out(step)
  if M.has(step, 'output') then
    return { { message(step, 'output') or value(step, 'output') } }
  elseif step.outcome then
    local omitted = step.attributes['flux.rows.omitted']
    local more = type(omitted) == 'number' and omitted > 0
    return {
      rows.outcome(step.outcome),
      { more and ('  and %s not recorded'):format(phrases.counted(omitted, 'more row change')) or '' },
    }
  end
  local status = (step.attributes or {})['http.response.status_code']
  return type(status) == 'number' and { { ('%d'):format(status) } } or nil
end

--- The line of a step: `2/5  create_user   4ms`.
---@param step flux.Step
---@param number string Which one of how many.
---@param current boolean
---@param cells integer How wide the name may be.
---@return flux.Line
function M.head(step, number, current, cells)
  local indent = ('  '):rep(math.min(step.depth or 0, DEEPEST))
  local group = M.group(step)
  return view.line(
    { current and '▶ ' or '  ', 'FluxBar' },
    { number .. '  ', current and 'FluxHeading' or 'FluxQuiet' },
    { indent },
    {
      view.fit(M.name(step), math.max(cells - #indent, 8)),
      group or (current and 'FluxHeading' or nil),
    },
    { ('%9s'):format(phrases.latency(step.duration_ms)), 'FluxDuration' },
    { group and (group == 'FluxFailed' and '  ✘' or '  !') or '', group },
    { step.parent_missing and '  its parent has not arrived' or '', 'FluxQuiet' }
  )
end

--- What there is to know about a step.
---@param step flux.Step
---@return flux.Line[]
function M.details(step)
  local lines = {}
  local function add(label, pieces)
    local head = { { (' '):rep(M.INDENT) }, { ('%-3s  '):format(label), 'FluxQuiet' } }
    lines[#lines + 1] = view.line(unpack(vim.list_extend(head, pieces)))
  end
  local told = went_in(step)
  if told then
    add('in', { { told } })
  end
  local out = came_out(step)
  if out and (not step.error or M.has(step, 'output')) then
    add('out', out)
  end
  if step.error then
    add('err', { { plain.cut(plain.first_line(step.error), VALUE_CELLS), M.group(step) } })
  end
  local locals = step.frame and step.frame.locals
  if locals and recorded.is_object(locals) and next(recorded.names(locals)) then
    add('var', { { recorded.pairs(locals, VALUE_CELLS) } })
  end
  local changes = step.row_changes or {}
  for position = 1, math.min(#changes, MOST_CHANGES) do
    add('row', rows.change(changes[position], ROW_CELLS))
  end
  if #changes > MOST_CHANGES then
    local more = phrases.counted(#changes - MOST_CHANGES, 'more change')
    add('row', { { '… ' .. more, 'FluxQuiet' } })
  end
  for _, state in ipairs(step.rows_state or {}) do
    add('now', rows.state(state, ROW_CELLS))
  end
  if step.frame then
    add('at', location.pieces(step.frame))
    local words = location.anchor_words(step.frame)
    if words then
      add('', { { words, 'FluxHandled' } })
    end
  end
  if #lines == 0 then
    add('', { { 'nothing else was recorded of it', 'FluxQuiet' } })
  end
  return lines
end

return M
