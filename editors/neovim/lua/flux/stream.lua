--- The live stream of requests: one source, and whoever wants to look at it.

local client_of = require('flux.client')
local status_of = require('flux.status')

local M = {}

---@class flux.Request
---@field id string
---@field short_id string
---@field kind string
---@field name string
---@field method? string
---@field path? string
---@field route? string
---@field status? integer
---@field started_at string
---@field duration_ms number
---@field service string
---@field failed boolean
---@field error? string
---@field complete boolean

---@class flux.Filter Which requests are wanted; nil means every one.
---@field errors_only? boolean
---@field fn? string
---@field service? string
---@field slow_ms? number

---@alias flux.StreamState 'connecting'|'live'|'disconnected'

---@class flux.Watcher
---@field filter flux.Filter
---@field since? string Begin with those of this age and younger.
---@field last integer Else, how many recent ones to begin with.
---@field on_requests fun(requests: flux.Request[]) Requests come again when more is known of them.
---@field on_state fun(state: flux.StreamState, words?: string)
---@field id? string Of the subscription.
---@field client_id? integer
---@field live? boolean

---@type flux.Watcher[]
local watchers = {}

---@type string[] Short ids, the newest first.
local recent = {}

local RECENT = 50
local PAGE, PATIENCE_MS = 200, 2000
local MOST_AT_ONCE = 1000 -- of what the server gives in one answer

local subscriptions = 0

---@param requests flux.Request[]
local function remember(requests)
  for _, request in ipairs(requests) do
    recent = vim.tbl_filter(function(known)
      return known ~= request.short_id
    end, recent)
    table.insert(recent, 1, request.short_id)
  end
  for position = #recent, RECENT + 1, -1 do
    recent[position] = nil
  end
end

--- What there is to say of a stream that nothing came through yet.
---@param client_id integer
---@return string?
local function words_of(client_id)
  local status = status_of.of(client_id)
  if not status then
    return nil
  end
  -- That nothing ever came is no news here: where it is waited for is.
  if status.broken and status.broken.name ~= 'spans' then
    return ('%s: %s  (:Flux doctor)'):format(status.broken.name, status.broken.detail)
  end
  local port = status.collector and status.collector.http_port
  return port and ('Listening on http://127.0.0.1:%d.'):format(port) or nil
end

---@param watcher flux.Watcher
---@param err lsp.ResponseError
local function refuse(watcher, err)
  watcher.client_id, watcher.id = nil, nil
  watcher.on_state('disconnected', err.message)
end

---@param watcher flux.Watcher
---@param client vim.lsp.Client
---@param last integer
local function subscribe(watcher, client, last)
  local id = watcher.id
  local params = vim.tbl_extend('force', { id = id, last = last }, watcher.filter)
  client_of.request(client, 'flux/subscribeTail', params, function(err)
    if watcher.id ~= id then
      return
    end
    if err then
      refuse(watcher, err)
    else
      watcher.live = true
      watcher.on_state('live', words_of(client.id))
    end
  end)
end

---@param watcher flux.Watcher
---@param client vim.lsp.Client
local function connect(watcher, client)
  subscriptions = subscriptions + 1
  local id = ('nvim-%d'):format(subscriptions)
  watcher.client_id, watcher.id, watcher.live = client.id, id, false
  watcher.on_state('connecting')
  if not watcher.since then
    subscribe(watcher, client, watcher.last)
    return
  end
  local limit = math.min(require('flux.config').get().tail.limit, MOST_AT_ONCE)
  local params = vim.tbl_extend('force', { since = watcher.since, limit = limit }, watcher.filter)
  client_of.ask(client, 'tail', params, function(err, answer)
    if watcher.id ~= id then
      return
    end
    if err then
      refuse(watcher, err)
    else
      watcher.on_requests(answer.requests or {})
      -- What finished meanwhile comes as a recent one; what is shown already stays where it is.
      subscribe(watcher, client, RECENT)
    end
  end)
end

--- Shows requests to a watcher from now on. Starts a server if there is none.
---@param watcher flux.Watcher
---@return fun() stop
function M.watch(watcher)
  watchers[#watchers + 1] = watcher
  client_of.with(function(client, problem)
    if watcher.id or not vim.list_contains(watchers, watcher) then
      return
    end
    if client then
      connect(watcher, client)
    else
      watcher.on_state('disconnected', problem)
    end
  end)
  return function()
    watchers = vim.tbl_filter(function(other)
      return other ~= watcher
    end, watchers)
    local client = watcher.client_id and vim.lsp.get_client_by_id(watcher.client_id)
    if client and not client:is_stopped() then
      client_of.request(client, 'flux/unsubscribeTail', { id = watcher.id }, function() end)
    end
    watcher.client_id, watcher.id = nil, nil
  end
end

--- Handles `flux/tail`.
---@param params table
---@param client_id integer
function M.on_tail(params, client_id)
  params = client_of.without_null(params)
  local requests = params.requests or {}
  remember(requests)
  for _, watcher in ipairs(watchers) do
    if watcher.client_id == client_id and watcher.id == params.id then
      watcher.on_requests(requests)
    end
  end
end

--- Handles `flux/status`.
---@param params table
---@param client_id integer
function M.on_status(params, client_id)
  status_of.put(client_id, client_of.without_null(params))
  for _, watcher in ipairs(watchers) do
    if watcher.client_id == client_id and watcher.live then
      watcher.on_state('live', words_of(client_id))
    end
  end
end

--- A server came up: whoever lost theirs, or never had one, is connected.
---@param client vim.lsp.Client
function M.on_start(client)
  for _, watcher in ipairs(watchers) do
    if not watcher.id then
      connect(watcher, client)
    end
  end
end

---@param client_id integer
function M.on_exit(client_id)
  status_of.put(client_id, nil)
  for _, watcher in ipairs(watchers) do
    if watcher.client_id == client_id then
      watcher.client_id, watcher.id = nil, nil
      watcher.on_state('disconnected', 'The server stopped; :Flux restart starts it again.')
    end
  end
end

--- Brings requests that a watcher would have had earlier.
---@param watcher flux.Watcher
---@param before? string Those that came before this one: its id, or what an answer called `earlier`.
---@param callback fun(requests: flux.Request[], earlier?: string) The oldest first; `earlier` is nil for the last.
function M.older(watcher, before, callback)
  local client = watcher.client_id and vim.lsp.get_client_by_id(watcher.client_id)
  if not client then
    require('flux.notice').warn('the server is not running; :Flux restart starts it')
    return
  end
  local page = { before = before, limit = PAGE, patience_ms = PATIENCE_MS }
  client_of.ask(client, 'tail', vim.tbl_extend('force', page, watcher.filter), function(err, answer)
    if err then
      require('flux.notice').fail(err.message or 'the server failed without a word')
    else
      callback(answer.requests or {}, answer.earlier)
    end
  end)
end

--- Whether anybody looks at the stream.
---@return boolean
function M.is_watched()
  return #watchers > 0
end

--- Ids of the latest requests, the newest first, those of the server included when it answers at once.
---@return string[]
function M.recent_ids()
  local answer = client_of.command_now('tail', { limit = RECENT }, 500)
  if type(answer) == 'table' then
    remember(answer.requests or {})
  end
  return recent
end

return M
