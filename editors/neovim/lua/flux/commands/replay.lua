--- Recorded requests run again, against what is saved: which pass now, which do not, and how they differ.

local client_of = require('flux.client')
local finding = require('flux.finding')
local leads = require('flux.leads')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local running = require('flux.running')
local view = require('flux.view')

---@class flux.command.Replay: flux.Command
local M = {
  summary = 'run recorded requests again, with their side effects off',
  ids = true,
  options = {
    window = {
      value = 'a time, such as 14:00-14:30 or 30m',
      complete = function()
        return { '5m', '30m', '2h', '1d' }
      end,
    },
    latest = {},
  },
}

local MARKS = {
  passing = { '✔ ', 'FluxOk' },
  failing = { '✘ ', 'FluxFailed' },
  blocked = { '⊘ ', 'FluxRefused' },
  skipped = { '- ', 'FluxQuiet' },
  error = { '! ', 'FluxFailed' },
}
local KERNEL = {
  namespace = 'the network (namespace)',
  seccomp = 'connections (seccomp)',
  landlock = 'files (Landlock)',
}

---@param answer table
---@return string
local function guard(answer)
  local kept = vim.tbl_map(function(part)
    return KERNEL[part]
  end, answer.kernel or {})
  local kernel = #kept > 0 and ' and the kernel: ' .. table.concat(kept, ', ') or ''
  return "side effects were off, by Python's hooks" .. kernel
end

---@param answer table
---@return string
local function summary(answer)
  local new = #vim.tbl_filter(function(each)
    return each.outcome == 'failing' and not each.was_failed
  end, answer.requests)
  local ran = #answer.requests - answer.skipped - answer.errors
  local parts = {
    ('%d replayed'):format(ran),
    ('%d passing'):format(answer.passing),
    ('%d still failing'):format(answer.failing - new),
  }
  for _, each in ipairs({
    { new, 'failing now' },
    { answer.blocked, 'blocked' },
    { answer.skipped, 'skipped' },
    { answer.errors, 'could not run' },
  }) do
    if each[1] > 0 then
      parts[#parts + 1] = ('%d %s'):format(each[1], each[2])
    end
  end
  return table.concat(parts, ' · ')
end

---@param answer table
---@return flux.Line[]
---@return table<integer, table> requests By line.
local function render(answer)
  local lines, by_line = {}, {}
  local function add(request, ...)
    lines[#lines + 1] = view.line(...)
    by_line[#lines] = request
  end
  local good = answer.passing == #answer.requests - answer.skipped
  add(nil, { '  ' }, { summary(answer), good and 'FluxOk' or 'FluxFailed' })
  if #answer.unsaved > 0 then
    add(nil, { '  what is saved was run; not saved: ' .. table.concat(answer.unsaved, ', '), 'FluxHandled' })
  end
  add(nil, { '' })
  for _, request in ipairs(answer.requests) do
    local mark = MARKS[request.outcome]
    local was = request.was and tostring(request.was) or (request.was_failed and 'failed' or 'ok')
    local now = request.now and ('%d %s'):format(request.now, phrases.latency(request.duration_ms))
      or request.outcome
    add(
      request,
      { '  ' },
      mark,
      { 'req:' .. request.request_id:sub(1, 8), 'FluxId' },
      { '  ' .. (request.method and request.method .. ' ' or ''), 'FluxMethod' },
      { plain.cut(request.path or request.name, 80) },
      { '  ' .. now, mark[2] },
      { '  ← was ' .. was, 'FluxQuiet' }
    )
    for _, words in ipairs({ request.reason or '', request.mend or '' }) do
      if words ~= '' then
        add(request, { '      ' .. plain.first_line(words), 'FluxQuiet' })
      end
    end
  end
  add(nil, { '' })
  if answer.guard then
    add(nil, { '  ' .. guard(answer), 'FluxQuiet' })
  end
  if answer.rows then
    add(nil, { '  ' .. plain.text(answer.rows), 'FluxQuiet' })
  end
  return lines, by_line
end

---@param answer table
---@param client vim.lsp.Client
local function show(answer, client)
  local lines, by_line = render(answer)
  local function here()
    local only = #answer.requests == 1 and answer.requests[1] or nil
    return by_line[vim.api.nvim_win_get_cursor(0)[1]] or only
  end
  local function id_here()
    local request = here()
    return request and request.request_id
  end
  local function compare()
    local request = here()
    if request and request.diff then
      view.step_aside()
      require('flux.commands.diff').show(request.diff, client)
    elseif request then
      notice.warn('it was not run, so there is nothing to compare')
    end
  end
  local bufnr = view.show({ name = 'replay', filetype = 'flux-replay', wrap = 6 }, lines, {
    {
      lhs = 'c',
      others = { '<CR>' },
      plug = 'compare',
      hint = 'compare',
      desc = 'how it differs now',
      run = compare,
    },
    leads.why(id_here),
    leads.trace(id_here),
    {
      lhs = 'r',
      plug = 'again',
      hint = 'again',
      desc = 'run them again',
      run = function()
        M.start(vim.tbl_map(function(request)
          return request.request_id
        end, answer.requests))
      end,
    },
  })
  vim.b[bufnr].flux_request = id_here
end

---@param ids string[]
---@param window? string
function M.start(ids, window)
  local params = { window = window } ---@type table<string, any>
  if not window then
    params[#ids == 1 and 'id' or 'ids'] = #ids == 1 and ids[1] or ids
  end
  running.start({ name = 'replay', params = params, doing = 'Replay', show = show, runs_code = true })
end

---@param id string
function M.open(id)
  M.start({ id })
end

---@param arguments flux.Arguments
function M.run(arguments)
  local window = arguments.options.window
  if type(window) == 'string' then
    M.start({}, window)
  elseif #arguments.ids > 1 then
    M.start(arguments.ids)
  else
    finding.choose_or_latest(arguments.ids, function(id)
      if arguments.options.latest then
        client_of.command('replay', { id = id, latest = true }, show)
      else
        M.start({ id })
      end
    end)
  end
end

return M
