--- A server that died is started again, a few times and ever later; then it is left alone, and that is said.

local notice = require('flux.notice')

local M = {}

local PAUSES_MS = { 500, 2000, 8000 }
local WITHIN_MS = 180000
local TERMINATED = 15 -- The signal by which Neovim ends a server that it is told to end.

---@type table<integer, true> Clients whose end somebody asked for.
local dismissed = {}

---@type integer[] When servers died lately.
local deaths = {}

--- What follows is the end that was asked for.
---@param client_id integer
function M.expect(client_id)
  dismissed[client_id] = true
end

---@return integer
local function count()
  local now = vim.uv.now()
  deaths = vim.tbl_filter(function(at)
    return now - at < WITHIN_MS
  end, deaths)
  deaths[#deaths + 1] = now
  return #deaths
end

local function start()
  local enabled = vim.lsp.is_enabled('flux')
  if enabled then
    vim.lsp.enable('flux') -- For every buffer that has none now.
  end
  if require('flux.stream').is_watched() or not enabled then
    require('flux.client').with(function(client, problem)
      if not client then
        notice.fail(problem or 'the server is not running')
      end
    end)
  end
end

---@param words string
local function give_up(words)
  require('flux.status').mourn('server died')
  local log = require('flux.client').log()
  notice.fail(('%s. Its log: %s; :Flux restart starts it again'):format(words, log))
end

--- A server has ended.
---@param client_id integer
---@param code integer
---@param signal integer
---@param ready boolean Whether it had begun its work.
function M.on_exit(client_id, code, signal, ready)
  local asked_for = dismissed[client_id] or signal == TERMINATED or (code == 0 and signal == 0)
  dismissed[client_id] = nil
  if asked_for or vim.v.exiting ~= vim.NIL then
    return
  end
  if not ready then
    give_up('the server died while it was starting')
    return
  end
  local number = count()
  local pause = PAUSES_MS[number]
  if pause then
    require('flux.status').mourn('restarting')
    vim.defer_fn(start, pause)
  else
    give_up(('the server died %d times within %d minutes'):format(number, WITHIN_MS / 60000))
  end
end

--- The user starts it anew: what was does not count any more.
function M.forget()
  deaths = {}
end

return M
