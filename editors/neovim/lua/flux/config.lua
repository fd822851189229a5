--- Settings: `vim.g.flux` over the defaults, checked key by key.

local M = {}

---@class flux.UserConfig
---@field enable? boolean Start the server for the files it understands.
---@field cmd? string[] The server's command.
---@field settings? table<string, any> Server settings, such as `{ store = '…', otlpHttpPort = 4318 }`.
---@field hints? { virtual_text?: boolean } The failure in words at the end of its line.
---@field lenses? boolean Code lenses on functions that have something to say.
---@field view? 'split'|'vsplit'|'float'|'tab' Where everything but the tail and the diff opens.
---@field tail? { height?: integer, limit?: integer } Lines the tail's window shows, requests it keeps.
---@field trusted? string[] Folders whose code replays and bisects may run; `:Flux trust` adds to them.
---@field default_mappings? boolean Keys inside Flux's own windows.

---@class flux.Config: flux.UserConfig
---@field enable boolean
---@field cmd string[]
---@field settings table<string, any>
---@field hints { virtual_text: boolean }
---@field lenses boolean
---@field view 'split'|'vsplit'|'float'|'tab'
---@field tail { height: integer, limit: integer }
---@field trusted string[]
---@field default_mappings boolean

---@return flux.Config
local function defaults()
  return {
    enable = true,
    cmd = { 'flux-ls' },
    settings = vim.empty_dict(),
    hints = { virtual_text = true },
    lenses = true,
    view = 'split',
    tail = { height = 12, limit = 2000 },
    trusted = {},
    default_mappings = true,
  }
end

local function is_boolean(value)
  return type(value) == 'boolean'
end

local function is_list_of_strings(value)
  return type(value) == 'table'
    and vim.islist(value)
    and vim.iter(value):all(function(word)
      return type(word) == 'string'
    end)
end

local function is_count(value)
  return type(value) == 'number' and value >= 1 and value % 1 == 0
end

---@type table<string, { [1]: (fun(value: any): boolean), [2]: string }>
local accepted = {
  enable = { is_boolean, 'true or false' },
  cmd = {
    function(value)
      return is_list_of_strings(value) and #value > 0
    end,
    "a list of strings such as { 'flux-ls' }",
  },
  settings = {
    function(value)
      return type(value) == 'table' and (vim.tbl_isempty(value) or not vim.islist(value))
    end,
    'a table of server settings by name',
  },
  ['hints.virtual_text'] = { is_boolean, 'true or false' },
  lenses = { is_boolean, 'true or false' },
  view = {
    function(value)
      return vim.list_contains({ 'split', 'vsplit', 'float', 'tab' }, value)
    end,
    "one of 'split', 'vsplit', 'float', 'tab'",
  },
  ['tail.height'] = { is_count, 'a whole number of lines' },
  ['tail.limit'] = { is_count, 'a whole number of requests' },
  trusted = { is_list_of_strings, 'a list of folders' },
  default_mappings = { is_boolean, 'true or false' },
}

--- Lays `given` over `base`. A key that is unknown or has a value that cannot be used is reported and left out.
---@param base table<string, any>
---@param given table<any, any>
---@param prefix string
---@param problems string[]
local function overlay(base, given, prefix, problems)
  local keys = vim.tbl_keys(given)
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for _, key in ipairs(keys) do
    local name, value = prefix .. tostring(key), given[key]
    local check = accepted[name]
    if check then
      if check[1](value) then
        base[key] = value
      else
        problems[#problems + 1] = ('vim.g.flux.%s is %s; it takes %s'):format(
          name,
          vim.inspect(value),
          check[2]
        )
      end
    elseif type(base[key]) == 'table' and prefix == '' then
      if type(value) == 'table' then
        overlay(base[key], value, name .. '.', problems)
      else
        problems[#problems + 1] = ('vim.g.flux.%s is %s; it takes a table'):format(name, vim.inspect(value))
      end
    else
      problems[#problems + 1] = ('vim.g.flux.%s is not a setting'):format(name)
    end
  end
end

--- The settings in force, and what is wrong with those that were given.
---@return flux.Config
---@return string[] problems
function M.read()
  local config, problems = defaults(), {}
  local given = vim.g.flux
  if type(given) == 'table' then
    overlay(config, given, '', problems)
  elseif given ~= nil then
    problems[1] = ('vim.g.flux is %s; it takes a table'):format(vim.inspect(given))
  end
  if vim.tbl_isempty(config.settings) then
    config.settings = vim.empty_dict()
  end
  return config, problems
end

---@return flux.Config
function M.get()
  return (M.read())
end

return M
