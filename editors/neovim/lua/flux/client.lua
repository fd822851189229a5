--- The one place that talks to the language server.

local json = require('flux.json')
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
  if next(value) == nil then
    return value -- It knows whether it is a list.
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

--- The answer of a command. Where the server gives it as text, it has what Neovim's tables do not: null, the order of
--- names, numbers of any length.
---@param result any
---@return any
local function understood(result)
  if type(result) == 'table' and type(result.json) == 'string' then
    return json.decode(result.json)
  end
  return without_null(result)
end

---@type lsp.ResponseError
local STOPPED = { code = 0, message = 'the server is not running any more; :Flux restart starts it' }

--- The server that is responsible for the current buffer, else any that is running.
---@return vim.lsp.Client?
function M.running()
  local function ready(client)
    return client.initialized and not client:is_stopped()
  end
  local here = vim.iter(vim.lsp.get_clients({ name = NAME, bufnr = 0 })):find(ready)
  return here or vim.iter(vim.lsp.get_clients({ name = NAME })):find(ready)
end

--- How the server is configured; nil where lsp/flux.lua is not on 'runtimepath'.
---@return vim.lsp.Config?
function M.config()
  return vim.lsp.config[NAME] ---@diagnostic disable-line: undefined-field
end

--- Where the server's own words are kept.
---@return string path
function M.log()
  return vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path()
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
  local config = M.config()
  if not config then
    return nil, "lsp/flux.lua is not on 'runtimepath'"
  end
  config = vim.deepcopy(config)
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
        callback(nil, 'the server did not answer for 15 s; :checkhealth flux tells more')
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
    callback(STOPPED)
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
---@param token? string Under which the server tells its progress.
---@param bufnr? integer What is typed there reaches the server before it answers; the current one by default.
---@return integer? request To cancel it by.
function M.ask(client, name, params, callback, token, bufnr)
  local asked = command_params(name, params)
  asked.workDoneToken = token
  local sent, request = client:request('workspace/executeCommand', asked, function(err, result)
    callback(err, understood(result))
  end, bufnr or vim.api.nvim_get_current_buf())
  if not sent then
    callback(STOPPED)
  end
  return request
end

--- Which of the parameters may mean any of the candidates.
---@param params table<string, any>
---@param candidates (flux.Request|string)[]
---@return string? name
local function ambiguous(params, candidates)
  local first = candidates[1]
  if type(first) ~= 'table' then
    return params.table and 'table'
  end
  for _, name in ipairs({ 'id', 'other' }) do
    local given = type(params[name]) == 'string' and params[name]:lower():gsub('^req:', '')
    if given and given ~= first.id and vim.startswith(first.id, given) then
      return name
    end
  end
  return params.id and 'id'
end

--- Lets the user choose what a request id, or a table's name, stands for.
---@param candidates (flux.Request|string)[]
---@param callback fun(meant: string)
local function disambiguate(candidates, callback)
  local of_requests = type(candidates[1]) == 'table'
  vim.ui.select(candidates, {
    prompt = of_requests and 'Which request?' or 'Which table?',
    kind = 'flux',
    format_item = of_requests and require('flux.request').words or nil,
  }, function(choice)
    if choice then
      callback(type(choice) == 'table' and choice.id or choice --[[@as string]])
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
      local candidates = type(data) == 'table' and data.kind == 'ambiguous' and data.candidates or {}
      local meant = #candidates > 0 and ambiguous(params or {}, candidates)
      if meant then
        disambiguate(candidates, function(choice)
          M.command(name, vim.tbl_extend('force', params or {}, { [meant] = choice }), callback)
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
---@return table? data What the server tells of the problem.
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
    return nil, answer.err.message, without_null(answer.err.data)
  end
  return understood(answer.result)
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
