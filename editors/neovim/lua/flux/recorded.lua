--- Recorded values in words: one line, as short as asked, with the recorder's marks spelled out.

local json = require('flux.json')
local plain = require('flux.plain')

local M = {}

M.REDACTED = '[redacted]'

local DEEPEST = 16
local PLAIN_NAME = '^[%a_\128-\255][%w_\128-\255]*$'
-- Texts that bare would be taken for something else.
local LITERALS = { [''] = true, null = true, none = true, ['true'] = true, ['false'] = true, nan = true }
local QUOTES = { ['"'] = '\\"', ['\\'] = '\\\\' }

--- Whether a table is an object: an empty one tells by where it comes from.
---@param tree any
---@return boolean
function M.is_object(tree)
  if type(tree) ~= 'table' then
    return false
  end
  local memory = json.memory(tree)
  if memory then
    return memory.names ~= nil
  end
  return not vim.islist(tree)
end

--- The names of an object in the order in which they were recorded, else sorted.
---@param object table<string, any>
---@return string[]
function M.names(object)
  local memory = json.memory(object)
  if memory and memory.names then
    return memory.names
  end
  local names = vim.tbl_keys(object)
  table.sort(names)
  return names
end

---@param holder table
---@param key string|integer
---@return string? written How a number was written.
local function written(holder, key)
  local memory = json.memory(holder)
  return memory and memory.written[key]
end

---@param number number
---@return string
local function digits(number)
  if number % 1 == 0 and math.abs(number) < 2 ^ 53 then
    return ('%d'):format(number)
  end
  return ('%.14g'):format(number)
end

---@param text string
---@return string
local function quotable(text)
  return plain.text((text:gsub('["\\]', QUOTES)))
end

---@param text string
---@param limit integer
---@return string
local function quoted(text, limit)
  local short = #text <= limit * 8 and quotable(text)
  if short and vim.api.nvim_strwidth(short) <= limit - 2 then
    return '"' .. short .. '"'
  end
  local kept = plain.cut(text, math.max(limit - 2, 2)):gsub('…$', '')
  return '"' .. plain.cut(quotable(kept), math.max(limit - 3, 1)):gsub('…$', '') .. '…"'
end

--- How much was cut, in the units that people count files in.
---@param count number
---@return string
local function size(count)
  if count < 1000 then
    return ('%d B'):format(count)
  end
  for _, unit in ipairs({ 'KB', 'MB', 'GB' }) do
    count = count / 1000
    if count < 999.5 or unit == 'GB' then
      return (count >= 10 and '%.0f %s' or '%.1f %s'):format(count, unit)
    end
  end
  return ''
end

--- Nobody needs the module to know the class.
---@param kind any
---@return string
local function class(kind)
  kind = plain.text(kind)
  local last = kind:match('([^.]*)$')
  return last ~= '' and last or kind
end

---@param name string
---@return string
local function key_words(name)
  local escaped = name:match('^%$(%$.*)$')
  if name:find(PLAIN_NAME) or (name:find('^%$') and not escaped) then
    return plain.text(name)
  end
  return '"' .. quotable(escaped or name) .. '"'
end

local value_words

---@class flux.Part One of several values in a row.
---@field head string What stands before it.
---@field holder table
---@field key string|integer
---@field words? string In place of the value.

---@param count any
---@return string
local function more_words(count)
  return type(count) == 'number' and ('… %d more'):format(count) or '…'
end

---@param object table<string, any>
---@param sign string
---@param without? table<string, any>
---@return flux.Part[]
local function named(object, sign, without)
  local parts = {} ---@type flux.Part[]
  for _, name in ipairs(M.names(object)) do
    if name == '$more' then
      parts[#parts + 1] = { head = '', holder = object, key = name, words = more_words(object[name]) }
    elseif not (without and without[name] ~= nil) then
      parts[#parts + 1] = { head = key_words(name) .. sign, holder = object, key = name }
    end
  end
  return parts
end

---@param list any[]
---@return flux.Part[]
local function items(list)
  local parts = {} ---@type flux.Part[]
  for position, item in ipairs(list) do
    local more = type(item) == 'table' and item['$more']
    parts[position] = { head = '', holder = list, key = position, words = more and more_words(more) or nil }
  end
  return parts
end

--- As many as there is room for.
---@param parts flux.Part[]
---@param limit integer
---@param depth integer
---@return string
local function joined(parts, limit, depth)
  local kept, room = {}, limit
  for position, part in ipairs(parts) do
    local free = position < #parts and room - 3 or room
    local text = part.words
      or part.head .. value_words(part.holder, part.key, math.max(free - #part.head, 8), depth)
    local cells = vim.api.nvim_strwidth(text)
    if position > 1 and cells > free then
      kept[#kept + 1] = '…'
      break
    end
    kept[#kept + 1] = text
    room = room - cells - 2
  end
  return table.concat(kept, ', ')
end

---@param tree table
---@param limit integer
---@return string
local function bytes_words(tree, limit)
  local ok, decoded = pcall(vim.base64.decode, tree['$bytes'])
  local raw = tostring(ok and decoded or '')
  local note = (' (%s)'):format(size(tree.length or #raw))
  local text = raw:sub(1, limit):gsub('[^\32-\126]', function(byte)
    return ('\\x%02x'):format(byte:byte())
  end)
  local whole = not tree.length and #raw <= limit
  local room = math.max(limit - #note - 3, 8)
  return "b'" .. ((whole and #text <= room) and text or text:sub(1, room - 1) .. '…') .. "'" .. note
end

--- A value that the recorder marked; nil for an ordinary object.
---@param tree table<string, any>
---@param limit integer
---@param depth integer
---@return string?
local function mark_words(tree, limit, depth)
  local kind = tree['$type']
  if type(tree['$cut']) == 'string' then
    local note = tree.length and (' (%s)'):format(size(tree.length)) or ''
    local text = quoted(tree['$cut'], math.max(limit - #note - 1, 8))
    return (text:find('…"$') and text or text:sub(1, -2) .. '…"') .. note
  elseif type(tree['$bytes']) == 'string' then
    return bytes_words(tree, limit)
  elseif tree['$ref'] then
    return ('<%s again>'):format(class(tree['$ref']))
  elseif tree['$deep'] then
    local name = class(tree['$deep'])
    return name == 'dict' and '{…}' or name == 'list' and '[…]' or name .. '(…)'
  elseif tree['$unloaded'] then
    return '<not loaded>'
  elseif tree['$unreadable'] then
    return ('<unreadable: %s>'):format(class(tree['$unreadable']))
  elseif type(tree['$float']) == 'string' then
    return plain.text(tree['$float'])
  elseif tree['$repr'] then
    local text = type(tree['$repr']) == 'table' and tree['$repr']['$cut'] or tree['$repr']
    return plain.cut(plain.text(text), limit)
  elseif kind then
    local name = class(kind)
    local room = limit - #name - 2
    local told = depth < DEEPEST and joined(named(tree, '=', { ['$type'] = true }), room, depth + 1) or '…'
    return ('%s(%s)'):format(name, told)
  end
end

---@param holder table
---@param key string|integer
---@param limit integer
---@param depth integer
---@return string
value_words = function(holder, key, limit, depth)
  local tree = holder[key]
  if tree == nil or tree == vim.NIL then
    return 'null'
  elseif type(tree) == 'string' then
    return tree == M.REDACTED and tree or quoted(tree, limit)
  elseif type(tree) == 'number' then
    return written(holder, key) or digits(tree)
  elseif type(tree) ~= 'table' then
    return tostring(tree)
  elseif not M.is_object(tree) then
    return '[' .. (depth < DEEPEST and joined(items(tree), limit - 2, depth + 1) or '…') .. ']'
  end
  return mark_words(tree, limit, depth)
    or '{' .. (depth < DEEPEST and joined(named(tree, ': '), limit - 2, depth + 1) or '…') .. '}'
end

--- The value of a name in at most so many cells: `{email: "alice@example.com", plan: null}`.
---@param holder table What holds the value: it knows how a number was written.
---@param key string|integer
---@param limit integer
---@return string
function M.shown(holder, key, limit)
  return plain.cut(value_words(holder, key, limit, 0), limit)
end

--- The same, with a text by itself unquoted unless it could be taken for something else: `free`.
---@param holder table
---@param key string|integer
---@param limit integer
---@return string
function M.bare(holder, key, limit)
  local tree = holder[key]
  if type(tree) ~= 'string' or LITERALS[tree:lower()] or tonumber(tree) or vim.trim(tree) ~= tree then
    return M.shown(holder, key, limit)
  end
  return plain.cut(plain.text((plain.cut(tree, limit):gsub('\\', '\\\\'))), limit)
end

--- The names and values of an object, without braces: `id=42, plan=null`.
---@param object table<string, any>
---@param limit integer
---@param without? table<string, any> Names to leave out.
---@return string
function M.pairs(object, limit, without)
  return plain.cut(joined(named(object, '=', without), limit, 0), limit)
end

--- Whether a table stands for one value: a text that was cut, bytes, what could not be read.
---@param tree any
---@return boolean
function M.is_mark(tree)
  if not M.is_object(tree) then
    return false
  end
  for _, mark in ipairs({ '$cut', '$bytes', '$ref', '$deep', '$unloaded', '$unreadable', '$float', '$repr' }) do
    if tree[mark] ~= nil then
      return true
    end
  end
  return false
end

return M
