--- Two requests as two texts that Neovim's diff mode compares: what differs only by chance is in neither of them.

local phrases = require('flux.phrases')
local plain = require('flux.plain')
local recorded = require('flux.recorded')
local rows = require('flux.rows')
local steps = require('flux.steps')
local view = require('flux.view')

local M = {}

---@class flux.DiffField One difference; `before_path` is where it was before.
---@field path string
---@field before_path string
---@field before any
---@field after any
---@field change 'added'|'removed'|'changed'|'moved'
---@field noise boolean

---@class flux.SpanDiff
---@field change 'added'|'removed'|'changed'|'same'
---@field before? flux.Step
---@field after? flux.Step
---@field fields flux.DiffField[]
---@field noise boolean

---@class flux.RowDiff
---@field change 'added'|'removed'|'changed'|'same'
---@field before? flux.RowChange
---@field after? flux.RowChange
---@field fields flux.DiffField[]

---@class flux.Diff
---@field before flux.Request
---@field after flux.Request
---@field verdict 'FIXED'|'REGRESSED'|'CHANGED'|'IDENTICAL'
---@field summary string
---@field spans flux.SpanDiff[]
---@field rows flux.RowDiff[]
---@field muted integer How many differences are noise.
---@field chosen? 'before'|'after' Which request was not given but found.

---@alias flux.Side 'before'|'after'

---@class flux.Text One of the two.
---@field side flux.Side
---@field lines flux.Line[]
---@field by_line table<integer, flux.Step>

---@class flux.Differences Of a span or a row, by path in one of the requests.
---@field counting table<string, flux.DiffField>
---@field noise table<string, true>

local VALUE_CELLS = 200
local MOST_LEAVES = 40
local DEEPEST = 12
-- These have a form of their own, or say again what another line says.
local TOLD_APART = { name = true, status = true, error = true, duration_ms = true, parent = true }
local STATUS_CODE = 'attributes["http.response.status_code"]'
local OUTCOME = 'attributes["flux.transaction.outcome"]'

--- A path with one more step, as the server writes it: `body.items[3]["a b"]`.
---@param path string
---@param step string|integer Positions count from 1 here.
---@return string
local function below(path, step)
  if type(step) == 'number' then
    return ('%s[%d]'):format(path, step - 1)
  elseif step:find('^[%a_$][%w_$-]*$') then
    return path == '' and step or path .. '.' .. step
  end
  local escaped = step:gsub('[\\"]', '\\%0'):gsub('%c', function(character)
    local named = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['\b'] = '\\b', ['\f'] = '\\f' }
    return named[character] or ('\\u%04x'):format(character:byte())
  end)
  -- Beyond ASCII the server writes UTF-16 units.
  escaped = escaped:gsub('[\194-\244][\128-\191]*', function(character)
    local code = vim.fn.char2nr(character, true) ---@type integer
    if code < 0x10000 then
      return ('\\u%04x'):format(code)
    end
    code = code - 0x10000
    return ('\\u%04x\\u%04x'):format(0xd800 + math.floor(code / 0x400), 0xdc00 + code % 0x400)
  end)
  return ('%s["%s"]'):format(path, escaped)
end
M.below = below

---@param fields flux.DiffField[]
---@param side flux.Side
---@param whole boolean Whether noise counts too.
---@return flux.Differences
local function differences(fields, side, whole)
  local found = { counting = {}, noise = {} } ---@type flux.Differences
  for _, field in ipairs(fields or {}) do
    local path = side == 'before' and field.before_path or field.path
    if whole or not field.noise then
      found.counting[path] = field
    else
      found.noise[path] = true
    end
  end
  return found
end

---@param text flux.Text
---@param step? flux.Step
---@param ... flux.Piece
local function add(text, step, ...)
  text.lines[#text.lines + 1] = view.line(...)
  text.by_line[#text.lines] = step
end

---@param side flux.Side
---@return flux.Side
local function other(side)
  return side == 'before' and 'after' or 'before'
end

--- A value; of a long text, the part where it begins to differ.
---@param holder table
---@param key string|integer
---@param field? flux.DiffField
---@param side flux.Side
---@return string
local function words(holder, key, field, side)
  local value, counterpart = holder[key], field and field[other(side)]
  if type(value) == 'string' and type(counterpart) == 'string' then
    return recorded.shown({ plain.from_difference(value, counterpart, VALUE_CELLS - 4) }, 1, VALUE_CELLS)
  end
  return recorded.shown(holder, key, VALUE_CELLS)
end

---@class flux.Leaf
---@field path string In words, from the input or output on.
---@field words string
---@field counts boolean

--- The values in a tree, but those that are noise.
---@param holder table
---@param key string|integer
---@param path string As the server writes it.
---@param shown_path string
---@param found flux.Differences
---@param side flux.Side
---@param into flux.Leaf[]
---@param counts boolean Whether something around it differs.
local function leaves(holder, key, path, shown_path, found, side, into, counts)
  if found.noise[path] then
    return
  end
  local tree = holder[key]
  counts = counts or found.counting[path] ~= nil
  local cut = type(tree) == 'table' and type(tree['$cut']) == 'string' and found.counting[path .. '.$cut']
  if cut then
    into[#into + 1] = { path = shown_path, words = words(tree, '$cut', cut, side), counts = true }
  elseif type(tree) ~= 'table' or recorded.is_mark(tree) or next(tree) == nil then
    into[#into + 1] =
      { path = shown_path, words = words(holder, key, found.counting[path], side), counts = counts }
  elseif recorded.is_object(tree) then
    for _, name in ipairs(recorded.names(tree)) do
      local shown_below = below(shown_path, name)
      leaves(tree, name, below(path, name), shown_below, found, side, into, counts)
    end
  else
    for position = 1, #tree do
      local shown_below = below(shown_path, position)
      leaves(tree, position, below(path, position), shown_below, found, side, into, counts)
    end
  end
end

--- What went in or came out, a value a line. Headers and types are there only when they differ.
---@param text flux.Text
---@param step flux.Step
---@param which 'input'|'output'
---@param indent string
---@param found flux.Differences
local function add_tree(text, step, which, indent, found)
  if not steps.has(step, which) or found.noise[which] then
    return
  end
  local all = {} ---@type flux.Leaf[]
  leaves(step, which, which, '', found, text.side, all, false)
  local label, quiet = which == 'input' and 'in   ' or 'out  ', 0
  for _, leaf in ipairs(all) do
    local aside = leaf.path:find('^headers[%.%[]') or leaf.path == 'headers' or leaf.path:find('%$type$')
    quiet = leaf.counts and quiet or quiet + 1
    if leaf.counts or (not aside and quiet <= MOST_LEAVES) then
      local name = leaf.path == '' and '' or plain.text(leaf.path) .. ': '
      add(text, step, { indent .. label, 'FluxQuiet' }, { name, 'FluxQuiet' }, { leaf.words })
    end
  end
end

--- What differs besides input and output: attributes, by their names.
---@param text flux.Text
---@param step flux.Step
---@param indent string
---@param fields flux.DiffField[]
---@param whole boolean
local function add_fields(text, step, indent, fields, whole)
  local answered = false
  for _, field in ipairs(fields) do
    answered = answered or field.path == 'output' or field.path == 'output.status'
  end
  for _, field in ipairs(fields) do
    local path = field.path
    local again = path == OUTCOME or (path == STATUS_CODE and answered)
    local told = path:find('^input') or path:find('^output') or TOLD_APART[path] or (again and not whole)
    local absent = text.side == 'before' and field.change == 'added'
      or text.side == 'after' and field.change == 'removed'
    if (whole or not field.noise) and not told and not absent then
      local name = path:match('^attributes%["(.*)"%]$') or path:match('^attributes%.([^.%[]*)$') or path
      local value = words(field, text.side, field, text.side)
      add(
        text,
        step,
        { indent .. '·    ', 'FluxQuiet' },
        { plain.text(name) .. ': ', 'FluxQuiet' },
        { value }
      )
    end
  end
end

---@param paths table<string, any>
---@param path string
---@return boolean
local function any_within(paths, path)
  for each in pairs(paths) do
    if each == path or vim.startswith(each, path .. '.') or vim.startswith(each, path .. '[') then
      return true
    end
  end
  return false
end

--- The row without the parts of its key that are another in every run.
---@param row flux.RowChange
---@param found flux.Differences
---@return string
local function row_name(row, found)
  local noisy = {}
  for _, name in ipairs(recorded.names(row.key)) do
    noisy[name] = found.noise[below('key', name)] and true or nil
  end
  local key = found.noise.key and '' or recorded.pairs(row.key, 60, noisy)
  return vim.trim(('%s %s'):format(plain.text(row.table), key))
end

---@param text flux.Text
---@param step? flux.Step
---@param difference flux.RowDiff
---@param indent string
---@param whole boolean
local function add_row(text, step, difference, indent, whole)
  local row = difference[text.side] --[[@as flux.RowChange]]
  local found = differences(difference.fields, text.side, whole)
  add(
    text,
    step,
    { indent .. 'row  ', 'FluxQuiet' },
    { row_name(row, found) },
    { '  ' .. rows.OPERATIONS[row.operation], 'FluxQuiet' },
    { '  ' },
    rows.outcome(row.outcome)
  )
  for _, name in ipairs(recorded.names(row.columns)) do
    local path = below('columns', name)
    if any_within(found.counting, path) or not any_within(found.noise, path) then
      local value = rows.column(row.operation, row.columns[name], 60)
      add(text, step, { indent .. '       ' }, { plain.text(name) .. ': ', 'FluxQuiet' }, { value })
    end
  end
end

---@param text flux.Text
---@param difference flux.SpanDiff
---@param written flux.RowDiff[] The changes that the span made.
---@param whole boolean
local function add_span(text, difference, written, whole)
  local step = difference[text.side] --[[@as flux.Step]]
  local found = differences(difference.fields, text.side, whole)
  local indent = ('  '):rep(math.min(step.depth or 0, DEEPEST) + 1)
  local took = found.counting.duration_ms and '  ' .. phrases.latency(step.duration_ms) or ''
  local failed = steps.group(step)
  add(text, step, { indent }, { steps.name(step), failed or 'FluxHeading' }, { took, 'FluxDuration' })
  indent = indent .. '  '
  add_tree(text, step, 'input', indent, found)
  add_tree(text, step, 'output', indent, found)
  if step.error and not found.noise.error then
    local field = found.counting.error
    local counterpart = field and field[other(text.side)]
    local message = plain.first_line(step.error)
    if type(counterpart) == 'string' then
      message = plain.from_difference(message, plain.first_line(counterpart), VALUE_CELLS)
    end
    add(text, step, { indent .. 'err  ', 'FluxQuiet' }, { plain.cut(message, VALUE_CELLS), failed })
  end
  add_fields(text, step, indent, difference.fields or {}, whole)
  for _, row in ipairs(written) do
    add_row(text, step, row, indent, whole)
  end
end

--- The text of one of the two requests.
---@param answer flux.Diff
---@param side flux.Side
---@param whole? boolean With what is noise, too.
---@return flux.Text
function M.text(answer, side, whole)
  local text = { side = side, lines = {}, by_line = {} } ---@type flux.Text
  local by_span = {} ---@type table<string, flux.RowDiff[]>
  for _, row in ipairs(answer.rows or {}) do
    if row[side] then
      local id = row[side].span_id
      by_span[id] = by_span[id] or {}
      table.insert(by_span[id], row)
    end
  end
  for _, difference in ipairs(answer.spans) do
    local step = difference[side]
    if step and (whole or not difference.noise) then
      add_span(text, difference, by_span[step.span_id] or {}, whole == true)
      by_span[step.span_id] = nil
    end
  end
  for _, row in ipairs(answer.rows or {}) do
    if row[side] and by_span[row[side].span_id] then
      add_row(text, nil, row, '  ', whole == true)
    end
  end
  return text
end

return M
