--- A request step by step: what went in and out of each span and how the rows were then, with the code beside it.

local client_of = require('flux.client')
local finding = require('flux.finding')
local follow = require('flux.follow')
local leads = require('flux.leads')
local location = require('flux.location')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local request_of = require('flux.request')
local steps = require('flux.steps')
local view = require('flux.view')

---@class flux.command.Debug: flux.Command
local M = {
  summary = 'a request step by step',
  ids = true,
  most = 1,
}

-- What stands in a step's line besides its name: margins, the duration and a mark.
local BESIDE_NAME = 22
local NAME_CELLS = { 16, 60 }
-- Other steps have more to tell than the first.
local ROOM_FOR_DETAILS = 5

---@class flux.Walk
---@field bufnr integer
---@field request flux.Request
---@field steps flux.Step[]
---@field roots string[]
---@field at integer Which of the steps is the current one.
---@field whole boolean Whether steps that say nothing of their own are shown too.
---@field layout? flux.WalkLayout
---@field opened? { line: integer, count: integer } The lines below which details stand, and how many.
---@field hints string

---@class flux.WalkLayout Where each step has its line, as long as none has details below it.
---@field lines flux.Line[]
---@field line_of table<integer, integer> By step.
---@field step_at table<integer, integer> By line.
---@field number_of table<integer, integer> By step.
---@field count integer Of the steps that are shown.
---@field cells integer How wide a name may be.

---@param walk flux.Walk
---@param index integer
---@return boolean
local function is_shown(walk, index)
  return walk.whole or not walk.steps[index].noise
end

---@param walk flux.Walk
---@return integer? index
local function first_shown(walk)
  for index in ipairs(walk.steps) do
    if is_shown(walk, index) then
      return index
    end
  end
end

---@param walk flux.Walk
---@param index integer
---@return flux.Line
local function head(walk, index)
  local layout = walk.layout --[[@as flux.WalkLayout]]
  local which = ('%' .. #tostring(layout.count) .. 'd/%d'):format(layout.number_of[index], layout.count)
  return steps.head(walk.steps[index], which, index == walk.at, layout.cells)
end

--- Lays all steps out and writes them, none with details.
---@param walk flux.Walk
---@param width integer
local function lay_out(walk, width)
  local count = 0
  for index in ipairs(walk.steps) do
    count = is_shown(walk, index) and count + 1 or count
  end
  local digits = #tostring(count)
  local cells = math.max(NAME_CELLS[1], math.min(width - BESIDE_NAME - 2 * digits, NAME_CELLS[2]))
  ---@type flux.WalkLayout
  local layout = {
    lines = { view.line(unpack(request_of.heading(walk.request))), view.line({ '' }) },
    line_of = {},
    step_at = {},
    number_of = {},
    count = count,
    cells = cells,
  }
  walk.layout, walk.opened = layout, nil
  local number, folded = 0, 0
  local function fold()
    if folded > 0 then
      local indent = (' '):rep(2 * digits + 5)
      local words = ('⋯ %s of messages, connections and drivers'):format(phrases.counted(folded, 'span'))
      layout.lines[#layout.lines + 1] = view.line({ indent }, { words, 'FluxQuiet' })
      folded = 0
    end
  end
  for index in ipairs(walk.steps) do
    if is_shown(walk, index) then
      fold()
      number = number + 1
      layout.number_of[index] = number
      layout.lines[#layout.lines + 1] = head(walk, index)
      layout.line_of[index], layout.step_at[#layout.lines] = #layout.lines, index
    else
      folded = folded + 1
    end
  end
  fold()
  view.write(walk.bufnr, 0, -1, layout.lines)
end

--- Takes the details away from where they are, and puts those of the current step below its line.
---@param walk flux.Walk
---@return integer first Of the lines about the current step.
---@return integer last
local function unfold(walk)
  local layout, opened = walk.layout, walk.opened
  assert(layout)
  if opened then
    local before = { head(walk, layout.step_at[opened.line]) }
    view.write(walk.bufnr, opened.line - 1, opened.line + opened.count, before)
  end
  local line = layout.line_of[walk.at]
  if not line then
    return 1, 1
  end
  local lines = vim.list_extend({ head(walk, walk.at) }, steps.details(walk.steps[walk.at]))
  view.write(walk.bufnr, line - 1, line, lines)
  walk.opened = { line = line, count = #lines - 1 }
  return line, line + #lines - 1
end

--- The step that a line of the buffer is about.
---@param walk flux.Walk
---@param line integer
---@return integer? index
local function step_at(walk, line)
  local layout, opened = walk.layout, walk.opened
  assert(layout)
  if opened and line > opened.line then
    line = math.max(opened.line, line - opened.count)
  end
  return layout.step_at[line]
end

--- Puts the current step into sight: its line, and as much of what is below it as there is room for.
---@param window integer
---@param first integer
---@param last integer
local function reveal(window, first, last)
  vim.api.nvim_win_call(window, function()
    vim.api.nvim_win_set_cursor(window, { first, 0 })
    local height = vim.api.nvim_win_get_height(window)
    local top = vim.fn.line('w0')
    local wanted = vim.api.nvim_win_text_height(window, { start_row = first - 1, end_row = last - 1 }).all
    local above = first > top
        and vim.api.nvim_win_text_height(window, { start_row = top - 1, end_row = first - 2 }).all
      or 0
    if first < top or above + wanted > height then
      vim.fn.winrestview({ topline = math.max(1, wanted < height and first - 1 or first) })
    end
  end)
end

---@param walk flux.Walk
local function show(walk)
  local window = vim.fn.bufwinid(walk.bufnr)
  if window < 0 then
    return
  end
  if not walk.layout then
    lay_out(walk, vim.api.nvim_win_get_width(window))
  end
  local first, last = unfold(walk)
  local layout = walk.layout --[[@as flux.WalkLayout]]
  vim.wo[window][0].winbar = ('%%#FluxTitle#  Step %d of %d %s'):format(
    layout.number_of[walk.at] or 0,
    layout.count,
    walk.hints
  )
  reveal(window, first, last)
  local step = walk.steps[walk.at]
  follow.show(step and step.frame, walk.roots)
end

--- Goes on to the next step of the given that is in this direction.
---@param walk flux.Walk
---@param direction 1|-1
---@param said string When there is none.
local function go(walk, direction, said)
  local index = walk.at + direction
  while walk.steps[index] and not is_shown(walk, index) do
    index = index + direction
  end
  if walk.steps[index] then
    walk.at = index
    show(walk)
  else
    notice.info(said)
  end
end

--- Goes to the next step with an error, from the last one on to the first.
---@param walk flux.Walk
local function go_to_error(walk)
  local count = #walk.steps
  for distance = 1, count do
    local index = (walk.at + distance - 1) % count + 1
    if walk.steps[index].error and is_shown(walk, index) then
      if index == walk.at then
        notice.info('no other step has an error')
      end
      walk.at = index
      show(walk)
      return
    end
  end
  notice.info('no step has an error')
end

--- Opens the code of the step under the cursor.
---@param walk flux.Walk
local function open_code(walk)
  local index = step_at(walk, vim.api.nvim_win_get_cursor(0)[1]) or walk.at
  local step = walk.steps[index]
  if not step then
    return
  end
  view.step_aside()
  if not location.jump(step.frame, walk.roots) then
    local unknown = ('telemetry does not say where "%s" is in the code'):format(steps.name(step))
    notice.warn(location.nowhere(step.frame, unknown))
  end
end

---@param walk flux.Walk
---@return flux.Key[]
local function keys(walk)
  return {
    {
      lhs = 'n',
      plug = 'next',
      hint = 'next',
      desc = 'the next step',
      run = function()
        go(walk, 1, 'this is the last step')
      end,
    },
    {
      lhs = 'p',
      plug = 'previous',
      hint = 'prev',
      desc = 'the step before',
      run = function()
        go(walk, -1, 'this is the first step')
      end,
    },
    {
      lhs = 'e',
      plug = 'next-error',
      hint = 'error',
      desc = 'the next step with an error',
      run = function()
        go_to_error(walk)
      end,
    },
    {
      lhs = 'o',
      others = { '<CR>' },
      plug = 'open',
      hint = 'open',
      desc = 'go to the code of the step under the cursor',
      run = function()
        open_code(walk)
      end,
    },
    {
      lhs = 'a',
      plug = 'all',
      hint = 'all',
      desc = 'show the steps that say nothing of their own too, or not any more',
      run = function()
        walk.whole = not walk.whole
        walk.layout = nil
        if not is_shown(walk, walk.at) then
          walk.at = first_shown(walk) or 1
        end
        show(walk)
      end,
    },
    leads.why(walk.request.id),
  }
end

---@param answer { request: flux.Request, spans: flux.Step[] }
---@param client vim.lsp.Client
local function start(answer, client)
  local request = answer.request
  local bufnr, window, fresh = view.open({
    name = ('request/%s/debug'):format(request.short_id),
    filetype = 'flux-debug',
    wrap = steps.WRAP,
  })
  ---@type flux.Walk
  local walk = {
    bufnr = bufnr,
    request = request,
    steps = answer.spans or {},
    roots = client_of.roots(client),
    at = 1,
    whole = false,
    hints = '',
  }
  walk.whole = first_shown(walk) == nil
  walk.at = first_shown(walk) or 1
  vim.b[bufnr].flux_request = request.id
  walk.hints = view.keys(bufnr, keys(walk))
  if fresh then
    vim.api.nvim_create_autocmd('BufWipeout', {
      buffer = bufnr,
      once = true,
      desc = 'Flux: the source is not followed any more',
      callback = follow.clear,
    })
  end
  show(walk)
  if fresh then
    view.fit_height(window, ROOM_FOR_DETAILS)
    vim.fn.winrestview({ topline = 1 })
  end
end

---@param id string
function M.open(id)
  client_of.command('debug', { id = id }, start)
end

---@param arguments flux.Arguments
function M.run(arguments)
  finding.choose_or_latest(arguments.ids, M.open)
end

return M
