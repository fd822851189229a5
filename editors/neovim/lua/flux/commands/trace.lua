--- The spans of a request as a tree with times. <CR> on a span goes to its code.

local client_of = require('flux.client')
local finding = require('flux.finding')
local leads = require('flux.leads')
local location = require('flux.location')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local request_of = require('flux.request')
local view = require('flux.view')

---@class flux.command.Trace: flux.Command
local M = {
  summary = 'the span tree of a request',
  ids = true,
}

local NAME_CELLS = { 20, 44 }
local BAR_CELLS = 24
-- What stands in a line besides the name: margins, the duration, the bar and the service.
local BESIDE_NAME = 50

---@param spans table[] Parents before their children.
---@return string[] branches What is drawn before each span's name.
local function branches_of(spans)
  local branches, open = {}, {}
  for position = #spans, 1, -1 do
    local depth = spans[position].depth or 0
    local drawn = {}
    for level = 1, depth - 1 do
      drawn[level] = open[level] and '│  ' or '   '
    end
    if depth > 0 then
      drawn[depth] = open[depth] and '├─ ' or '└─ '
    end
    open[depth] = true
    for level = depth + 1, #open do
      open[level] = nil
    end
    branches[position] = table.concat(drawn)
  end
  return branches
end

--- Where in the request a span was busy.
---@param span table
---@param from number
---@param to number
---@return string before
---@return string bar
local function bar_of(span, from, to)
  local scale = BAR_CELLS / math.max(to - from, 0.001)
  local first = math.min(math.floor((span.start_ms - from) * scale), BAR_CELLS - 1)
  local cells = math.max(1, math.min(math.floor(span.duration_ms * scale + 0.5), BAR_CELLS - first))
  return (' '):rep(first), ('━'):rep(cells)
end

---@param answer table
---@return flux.Line[]
---@return table<integer, table> spans By line.
local function render(answer)
  local request, spans = answer.request, answer.spans or {}
  local from, to = math.huge, 0 ---@type number, number
  for _, span in ipairs(spans) do
    from, to = math.min(from, span.start_ms), math.max(to, span.start_ms + span.duration_ms)
  end
  local lines = {
    view.line(unpack(request_of.heading(request))),
    view.line({ '' }),
  }
  local by_line, branches = {}, branches_of(spans)
  local cells = math.max(NAME_CELLS[1], math.min(view.width() - BESIDE_NAME, NAME_CELLS[2]))
  for position, span in ipairs(spans) do
    local before, bar = bar_of(span, from, to)
    local failed = span.status == 'error'
    local branch = branches[position]
    local name = view.fit(span.name, math.max(cells - vim.fn.strdisplaywidth(branch), 8))
    lines[#lines + 1] = view.line(
      { '  ' },
      { branch, 'FluxQuiet' },
      { name, failed and 'FluxFailed' or nil },
      { ('%10s'):format(phrases.latency(span.duration_ms)), 'FluxDuration' },
      { '  ' .. before },
      { bar, failed and 'FluxFailed' or 'FluxBar' },
      { (' '):rep(BAR_CELLS - vim.fn.strdisplaywidth(before .. bar)) },
      { '  ' .. (span.service or ''), 'FluxQuiet' },
      { span.parent_missing and '  its parent has not arrived' or '', 'FluxQuiet' }
    )
    by_line[#lines] = span
    if span.error then
      local indent = (' '):rep(2 + vim.fn.strdisplaywidth(branch))
      lines[#lines + 1] = view.line({ indent .. '   ' }, { span.error, 'FluxError' })
      by_line[#lines] = span
    end
  end
  return lines, by_line
end

---@param answer table
---@param client vim.lsp.Client
local function show(answer, client)
  local lines, by_line = render(answer)
  local roots = client_of.roots(client)
  local request = answer.request
  local bufnr = view.show(
    { name = ('request/%s/trace'):format(request.short_id), filetype = 'flux-trace', wrap = 8 },
    lines,
    {
      {
        lhs = '<CR>',
        plug = 'open',
        hint = 'open',
        desc = 'go to the code of the span under the cursor',
        run = function()
          local span = by_line[vim.api.nvim_win_get_cursor(0)[1]]
          if not span then
            return
          end
          view.step_aside()
          if not location.jump(span.frame, roots) then
            local unknown = ('telemetry does not say where "%s" is in the code'):format(span.name)
            notice.warn(location.nowhere(span.frame, unknown))
          end
        end,
      },
      leads.why(request.id),
      leads.debug(request.id),
      leads.diff(request.id),
    }
  )
  vim.b[bufnr].flux_request = request.id
end

---@param id string
function M.open(id)
  client_of.command('trace', { id = id }, show)
end

function M.run(arguments)
  finding.choose(arguments.ids, M.open)
end

return M
