--- What Flux has to say about the place where the cursor is.

local client_of = require('flux.client')
local notice = require('flux.notice')

local M = {}

---@class flux.Finding
---@field id string Request id.
---@field fingerprint? string
---@field message string
---@field line integer Counts from 1.
---@field named boolean Whether it is the one of its line that the hint names.

--- What the hints of a buffer are about: the kinds of failure that they name, each before the others on its line.
---@param bufnr integer
---@return flux.Finding[]
function M.in_buffer(bufnr)
  local findings = {}
  for _, client in ipairs(vim.lsp.get_clients({ name = 'flux' })) do
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    for _, diagnostic in ipairs(vim.diagnostic.get(bufnr, { namespace = namespace })) do
      local data = vim.tbl_get(diagnostic, 'user_data', 'lsp', 'data')
      data = type(data) == 'table' and data or {}
      local id = data.requestId or diagnostic.code
      if type(id) == 'string' then
        findings[#findings + 1] = {
          id = id,
          fingerprint = data.fingerprint,
          message = diagnostic.message:match('^[^\r\n]*'),
          line = diagnostic.lnum + 1,
          named = true,
        }
        for _, other in ipairs(type(data.others) == 'table' and data.others or {}) do
          findings[#findings + 1] = {
            id = other.requestId,
            fingerprint = other.fingerprint,
            message = other.message,
            line = diagnostic.lnum + 1,
            named = false,
          }
        end
      end
    end
  end
  local order = {}
  for index, finding in ipairs(findings) do
    order[finding] = index
  end
  table.sort(findings, function(a, b)
    if a.line ~= b.line then
      return a.line < b.line
    end
    return order[a] < order[b]
  end)
  return findings
end

--- The blocks around a line, innermost first, read off the indentation: a function's body is one of them in every
--- language that people indent.
---@param lines string[]
---@param line integer Counts from 1.
---@return { [1]: integer, [2]: integer }[] First and last line of each.
function M.blocks(lines, line)
  ---@param number integer
  ---@return integer?
  local function indent(number)
    local text = lines[number]
    return text:find('%S') and #text:match('^%s*') or nil
  end
  local function last_of(head, depth)
    local last = head
    for number = head + 1, #lines do
      local own = indent(number)
      if own and own <= depth then
        break
      end
      last = own and number or last
    end
    return last
  end
  while line > 1 and not indent(line) do
    line = line - 1
  end
  local depth = indent(line) or 0
  local blocks = { { line, last_of(line, depth) } }
  for head = line - 1, 1, -1 do
    local own = indent(head)
    if own and own < depth then
      depth = own
      blocks[#blocks + 1] = { head, last_of(head, own) }
    end
  end
  return blocks
end

--- The findings on the cursor's line, else in the nearest block around it that has any, else in the buffer.
---@return flux.Finding[]
function M.at_cursor()
  local bufnr = vim.api.nvim_get_current_buf()
  local line = vim.api.nvim_win_get_cursor(0)[1]
  local all = M.in_buffer(bufnr)
  if #all < 2 then
    return all
  end
  local ranges = M.blocks(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), line)
  table.insert(ranges, 1, { line, line })
  for _, range in ipairs(ranges) do
    local within = vim.tbl_filter(function(finding)
      return finding.line >= range[1] and finding.line <= range[2]
    end, all)
    if #within > 0 then
      return within
    end
  end
  return all
end

--- The request that one of Flux's windows is about, or that its cursor is on.
---@return string?
local function of_window()
  local which = vim.b.flux_request ---@type flux.Which?
  if type(which) == 'function' then
    return which()
  end
  return which
end

--- Calls back with the request that is meant: the one given, that of the window, or the finding at the cursor, asking
--- when several fit.
---@param ids string[]
---@param callback fun(id: string, finding?: flux.Finding)
---@param wanted? fun(finding: flux.Finding): boolean
function M.choose(ids, callback, wanted)
  if ids[1] then
    callback(ids[1])
    return
  end
  local own = of_window()
  if own then
    callback(own)
    return
  end
  local findings = M.at_cursor()
  if wanted then
    findings = vim.tbl_filter(wanted, findings)
  end
  if #findings == 0 then
    notice.warn('nothing failed in this buffer. Give a request id, or see :Flux errors')
  elseif #findings == 1 then
    callback(findings[1].id, findings[1])
  else
    vim.ui.select(findings, {
      prompt = 'Which failure?',
      kind = 'flux',
      format_item = function(finding)
        return ('%d: %s'):format(finding.line, finding.message)
      end,
    }, function(choice)
      if choice then
        callback(choice.id, choice)
      end
    end)
  end
end

local LOOKED_THROUGH = 200

--- Calls back with the request that is meant: the one given, or the finding at the cursor, or the last that failed.
---@param ids string[]
---@param callback fun(id: string)
function M.choose_or_latest(ids, callback)
  if ids[1] or of_window() or #M.at_cursor() > 0 then
    M.choose(ids, callback)
    return
  end
  client_of.command('tail', { errors_only = true, limit = LOOKED_THROUGH }, function(answer)
    local failed = vim.iter(answer.requests or {}):rev():find(function(request)
      return request.failed
    end)
    if failed then
      callback(failed.id)
    else
      notice.warn('no request has failed. Give a request id, or see :Flux tail')
    end
  end)
end

--- Calls back with the fingerprint of the issue group that a request, or a finding, belongs to.
---@param id string
---@param found? flux.Finding
---@param callback fun(fingerprint: string)
function M.group(id, found, callback)
  if found and found.fingerprint then
    callback(found.fingerprint)
    return
  end
  client_of.command('why', { id = id }, function(answer)
    if answer.group then
      callback(answer.group.fingerprint)
    else
      notice.warn(('req:%s belongs to no issue group'):format(answer.request.short_id))
    end
  end)
end

return M
