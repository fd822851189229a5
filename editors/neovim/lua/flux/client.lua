--- The one place that talks to the language server.

local notice = require('flux.notice')

local M = {}

local NAME = 'flux'

--- Null comes as `vim.NIL` where Neovim cannot drop it; everything behind this module sees nil.
---@param value any
---@return any
local function without_null(value)
  if value == vim.NIL then
    return nil
  end
  if type(value) ~= 'table' then
    return value
  end
  local result = {}
  if vim.islist(value) then
    for _, item in ipairs(value) do
      if item ~= vim.NIL then
        result[#result + 1] = without_null(item)
      end
    end
  else
    for key, item in pairs(value) do
      result[key] = without_null(item)
    end
  end
  return result
end
M.without_null = without_null

--- The server that is responsible for the current buffer, else any that is running.
---@return vim.lsp.Client?
function M.running()
  local function ready(client)
    return client.initialized and not client:is_stopped()
  end
  local here = vim.iter(vim.lsp.get_clients({ name = NAME, bufnr = 0 })):find(ready)
  return here or vim.iter(vim.lsp.get_clients({ name = NAME })):find(ready)
end

---@param config vim.lsp.Config
---@return string? problem
local function cannot_run(config)
  if type(config.cmd) == 'table' and vim.fn.executable(config.cmd[1]) == 0 then
    return config.cmd[1]
      .. ' is not executable. Install it with `pip install flux-ls`, or name it in vim.g.flux.cmd;'
      .. ' :checkhealth flux tells more'
  end
end

--- Starts a server for the folder of the current buffer without attaching it to any buffer.
---@return integer? client_id
---@return string? problem
local function start()
  local config = vim.deepcopy(vim.lsp.config[NAME])
  if not config then
    return nil, "lsp/flux.lua is not on 'runtimepath'"
  end
  local problem = cannot_run(config)
  if problem then
    return nil, problem
  end
  if type(config.root_dir) ~= 'string' then
    local here = vim.fn.getcwd()
    local name = vim.api.nvim_buf_get_name(0)
    local from = vim.bo.buftype == '' and name ~= '' and name or here
    config.root_dir = vim.fs.root(from, config.root_markers or {}) or here
  end
  local id = vim.lsp.start(config, { attach = false })
  if not id then
    return nil, 'the server could not be started; :checkhealth flux tells more'
  end
  return id
end

--- Calls back with a server that is ready, starting one if need be.
---@param callback fun(client?: vim.lsp.Client, problem?: string)
function M.with(callback)
  local client = M.running()
  if client then
    callback(client)
    return
  end
  local starting = vim.lsp.get_clients({ name = NAME, _uninitialized = true })[1]
  local id, problem
  if starting and not starting:is_stopped() then
    id = starting.id
  else
    id, problem = start()
  end
  if not id then
    callback(nil, problem)
    return
  end
  local timer = assert(vim.uv.new_timer())
  local deadline = vim.uv.now() + 15000
  timer:start(
    0,
    20,
    vim.schedule_wrap(function()
      if timer:is_closing() then
        return
      end
      local started = vim.lsp.get_client_by_id(id)
      if started and started.initialized then
        timer:close()
        require('flux.stream').on_start(started)
        callback(started)
      elseif not started or started:is_stopped() then
        timer:close()
        callback(nil, 'the server stopped while it was starting; :checkhealth flux tells more')
      elseif vim.uv.now() > deadline then
        timer:close()
        callback(nil, 'the server did not answer for 15 s')
      end
    end)
  )
end

---@param client vim.lsp.Client
---@param method string
---@param params table
---@param callback fun(err?: lsp.ResponseError, result?: any)
function M.request(client, method, params, callback)
  local sent = client:request(method, params, function(err, result)
    callback(err, without_null(result))
  end, vim.api.nvim_get_current_buf())
  if not sent then
    callback({ code = 0, message = 'the server is not running any more' })
  end
end

---@param name string
---@param params? table<string, any>
---@return lsp.ExecuteCommandParams
local function command_params(name, params)
  params = params or {}
  if vim.tbl_isempty(params) then
    params = vim.empty_dict()
  end
  return { command = 'flux.server.' .. name, arguments = { params } }
end

--- Runs one of the server's commands.
---@param client vim.lsp.Client
---@param name string
---@param params? table<string, any>
---@param callback fun(err?: lsp.ResponseError, result?: any)
function M.ask(client, name, params, callback)
  M.request(client, 'workspace/executeCommand', command_params(name, params), callback)
end

--- Lets the user choose among the requests that an id may mean.
---@param candidates flux.Request[]
---@param callback fun(id: string)
local function disambiguate(candidates, callback)
  local request_of = require('flux.request')
  vim.ui.select(candidates, {
    prompt = 'Which request?',
    kind = 'flux',
    format_item = function(request)
      local words = vim.tbl_map(function(piece)
        return piece[1]
      end, request_of.heading(request))
      return vim.trim(table.concat(words))
    end,
  }, function(choice)
    if choice then
      callback(choice.id)
    end
  end)
end

--- The same, on whatever server is right. A problem is shown to the user, and `callback` is not called.
---@param name string
---@param params? table<string, any>
---@param callback fun(result: any, client: vim.lsp.Client)
function M.command(name, params, callback)
  M.with(function(client, problem)
    if not client then
      notice.fail(problem or 'the server is not running')
      return
    end
    M.ask(client, name, params, function(err, result)
      if not err then
        callback(result, client)
        return
      end
      local data = without_null(err.data)
      if params and params.id and type(data) == 'table' and data.candidates then
        disambiguate(data.candidates, function(id)
          M.command(name, vim.tbl_extend('force', params, { id = id }), callback)
        end)
      else
        notice.fail(err.message or 'the server failed without a word')
      end
    end)
  end)
end

--- The same for callers that cannot wait for a callback, from a server that runs already.
---@param name string
---@param params? table<string, any>
---@param timeout_ms integer
---@return any result nil when there is none in time
---@return string? problem
function M.command_now(name, params, timeout_ms)
  local client = M.running()
  if not client then
    return nil, 'the server is not running'
  end
  local answer, reason =
    client:request_sync('workspace/executeCommand', command_params(name, params), timeout_ms)
  if not answer then
    return nil, ('the server did not answer (%s)'):format(reason or 'stopped')
  end
  if answer.err then
    return nil, answer.err.message
  end
  return without_null(answer.result)
end

--- The folders a relative path of an answer may be relative to, the likeliest first.
---@param client? vim.lsp.Client
---@return string[]
function M.roots(client)
  local roots = {}
  for _, folder in ipairs(client and client.workspace_folders or {}) do
    roots[#roots + 1] = vim.uri_to_fname(folder.uri)
  end
  roots[#roots + 1] = vim.fn.getcwd()
  return roots
end

return M
