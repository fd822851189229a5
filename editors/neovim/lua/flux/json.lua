--- JSON text as Lua tables that forget nothing of it: the order of names, null, and numbers as they were written.

local M = {}

---@class flux.json.Memory What a table by itself would forget.
---@field names? string[] Of an object: all of them in order, those of null included.
---@field written table<string|integer, string> Numbers that Lua would write in another way.

local SHORT_INTEGER = '^%-?%d%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?$'

--- What is known of a table beyond its items; nil when it did not come from here.
---@param value table
---@return flux.json.Memory?
function M.memory(value)
  local memory = getmetatable(value)
  return type(memory) == 'table' and memory.written and memory or nil
end

---@param text string
---@param at integer
---@return never
local function fail(text, at)
  error(('no JSON at byte %d: %s'):format(at, text:sub(at, at + 20)), 0)
end

--- Half of a character outside the first plane is no character.
---@param token string
---@return string
local function unescaped(token)
  local ok, value = pcall(vim.json.decode, token)
  if not ok then
    value = vim.json.decode((token:gsub('\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  end
  return value --[[@as string]]
end

---@param text string
---@param at integer Of the quote that opens it.
---@return string value
---@return integer after
local function string_at(text, at)
  local stop, escapes = at, false ---@type integer?, boolean
  while true do
    stop = text:find('["\\]', stop + 1)
    if not stop then
      fail(text, at)
    end
    if text:byte(stop) == 34 then
      break
    end
    stop, escapes = stop + 1, true
  end
  if escapes then
    return unescaped(text:sub(at, stop)), stop + 1
  end
  return text:sub(at + 1, stop - 1), stop + 1
end

---@param text string
---@param at integer
---@return integer
local function past_space(text, at)
  return (text:find('[^ \t\r\n]', at)) or #text + 1
end

local value_at

--- Puts the value at a place of the text into a table.
---@param text string
---@param at integer
---@param into table
---@param key string|integer
---@param memory flux.json.Memory
---@return integer after
local function item_at(text, at, into, key, memory)
  local value, after, written = value_at(text, at)
  if value == vim.NIL and type(key) == 'string' then
    value = nil
  end
  into[key] = value
  memory.written[key] = written
  return past_space(text, after)
end

---@param text string
---@param at integer Of the brace that opens it.
---@return table value
---@return integer after
local function object_at(text, at)
  local memory = { names = {}, written = {} } ---@type flux.json.Memory
  local object = setmetatable({}, memory)
  at = past_space(text, at + 1)
  if text:sub(at, at) == '}' then
    return object, at + 1
  end
  while true do
    if text:byte(at) ~= 34 then
      fail(text, at)
    end
    local name
    name, at = string_at(text, at)
    at = past_space(text, at)
    if text:sub(at, at) ~= ':' then
      fail(text, at)
    end
    memory.names[#memory.names + 1] = name
    at = item_at(text, past_space(text, at + 1), object, name, memory)
    local mark = text:sub(at, at)
    if mark == '}' then
      return object, at + 1
    elseif mark ~= ',' then
      fail(text, at)
    end
    at = past_space(text, at + 1)
  end
end

---@param text string
---@param at integer Of the bracket that opens it.
---@return table value
---@return integer after
local function array_at(text, at)
  local memory = { written = {} } ---@type flux.json.Memory
  local array = setmetatable({}, memory)
  at = past_space(text, at + 1)
  if text:sub(at, at) == ']' then
    return array, at + 1
  end
  while true do
    at = item_at(text, at, array, #array + 1, memory)
    local mark = text:sub(at, at)
    if mark == ']' then
      return array, at + 1
    elseif mark ~= ',' then
      fail(text, at)
    end
    at = past_space(text, at + 1)
  end
end

local LITERALS = { ['true'] = true, ['false'] = false, null = vim.NIL }

---@param text string
---@param at integer
---@return any value
---@return integer after
---@return string? written
value_at = function(text, at)
  local first = text:sub(at, at)
  if first == '{' then
    return object_at(text, at)
  elseif first == '[' then
    return array_at(text, at)
  elseif first == '"' then
    return string_at(text, at)
  end
  local token = text:match('^%a+', at)
  if token and LITERALS[token] ~= nil then
    return LITERALS[token], at + #token
  end
  token = text:match('^%-?%d[%d.eE+-]*', at)
  local number = token and tonumber(token)
  if not token or not number then
    fail(text, at)
  end
  return number, at + #token, not token:find(SHORT_INTEGER) and token or nil
end

--- Null members of objects are nil, null items of arrays `vim.NIL`. Raises an error for what is no JSON.
---@param text string
---@return any
function M.decode(text)
  local value, after = value_at(text, past_space(text, 1))
  if past_space(text, after) <= #text then
    fail(text, after)
  end
  return value
end

return M
