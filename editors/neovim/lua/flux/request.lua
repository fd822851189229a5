--- How a request looks in one line.

local phrases = require('flux.phrases')

local M = {}

--- The highlight group of how it went.
---@param request flux.Request
---@return string
function M.group(request)
  if request.failed then
    return 'FluxFailed'
  elseif request.status and request.status >= 400 then
    return 'FluxRefused'
  end
  return 'FluxOk'
end

--- Method and path of an HTTP request; for others what it is, and its name.
---@param request flux.Request
---@return string kind
---@return string name
function M.what(request)
  if request.method then
    return request.method, request.path or request.route or request.name
  end
  return request.kind or '', request.name
end

---@param request flux.Request
---@return string
function M.outcome(request)
  if request.status then
    return ('%d'):format(request.status)
  end
  return request.failed and 'err' or 'ok'
end

--- The pieces of a request by itself, for |flux.view|.
---@param request flux.Request
---@return flux.Piece[]
function M.heading(request)
  local kind, name = M.what(request)
  local group = M.group(request)
  return {
    { '  ' },
    { kind .. ' ', 'FluxMethod' },
    { name, 'FluxTitle' },
    { '  ' .. M.outcome(request), group },
    { '  ' .. phrases.latency(request.duration_ms), 'FluxDuration' },
    { '  req:' .. request.short_id, 'FluxId' },
    { ('  %s  %s'):format(request.service, phrases.ago(request.started_at)), 'FluxQuiet' },
    { request.complete and '' or '  incomplete', 'FluxRefused' },
  }
end

--- The same in one line of text.
---@param request flux.Request
---@return string
function M.words(request)
  local words = vim.tbl_map(function(piece)
    return piece[1]
  end, M.heading(request))
  return vim.trim(table.concat(words))
end

return M
