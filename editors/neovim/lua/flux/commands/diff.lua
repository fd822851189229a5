--- Two requests side by side in Neovim's diff mode, in a tab page of their own, under what the difference comes to.

local client_of = require('flux.client')
local comparison = require('flux.comparison')
local finding = require('flux.finding')
local location = require('flux.location')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local request_of = require('flux.request')
local steps = require('flux.steps')
local view = require('flux.view')

---@class flux.command.Diff: flux.Command
local M = {
  summary = 'two requests compared; one with the last good one of its route',
  ids = true,
  most = 2,
  options = { all = {} },
}

local VERDICTS = {
  FIXED = { '✔ ', 'FluxOk' },
  REGRESSED = { '✘ ', 'FluxFailed' },
  CHANGED = { '~ ', 'FluxHandled' },
  IDENTICAL = { '= ', 'FluxOk' },
}
local HIGHEST_HEAD = 6

---@param answer flux.Diff
---@param whole boolean
---@return flux.Line[]
local function head_lines(answer, whole)
  local mark = VERDICTS[answer.verdict] or VERDICTS.CHANGED
  ---@type flux.Line[]
  local lines = {
    view.line(
      { '  ' },
      { mark[1] .. answer.verdict, mark[2] },
      { '  ' .. plain.cut(plain.first_line(answer.summary), 400) }
    ),
  }
  local notes = {}
  if answer.chosen then
    local id = answer[answer.chosen].short_id
    notes[1] = ('req:%s is the last good request of this route'):format(id)
  end
  if answer.muted > 0 and not whole then
    local words = phrases.counted(answer.muted, 'difference')
    notes[#notes + 1] = ('%s in ids and timings left out (--all shows them)'):format(words)
  end
  if #notes > 0 then
    lines[2] = view.line({ '  ' }, { table.concat(notes, '; '), 'FluxQuiet' })
  end
  return lines
end

--- The bar above one of the two: which request it is.
---@param side flux.Side
---@param request flux.Request
---@return string
local function bar(side, request)
  local kind, name = request_of.what(request)
  local function safe(text)
    return (plain.text(text):gsub('%%', '%%%%'))
  end
  return table.concat({
    ('%%#%s#%s '):format(request_of.group(request), side == 'before' and '-' or '+'),
    '%#FluxId#req:' .. request.short_id,
    ('%%#%s#  %s'):format(request_of.group(request), request_of.outcome(request)),
    '%#FluxDuration#  ' .. phrases.latency(request.duration_ms),
    ('%%#FluxQuiet#  %s %s%%<'):format(safe(kind), safe(name)),
  })
end

---@class flux.DiffTab
---@field origin integer The tab page that it was asked for in.
---@field buffers integer[]
---@field roots string[]

--- Closes what is left of it, and goes back to where it was asked for.
---@param tab flux.DiffTab
local function close(tab)
  local buffers = tab.buffers
  tab.buffers = {}
  local here = #buffers > 0 and vim.list_contains(buffers, vim.api.nvim_get_current_buf())
  if here and vim.api.nvim_tabpage_is_valid(tab.origin) then
    local own = vim.api.nvim_get_current_tabpage()
    if own ~= tab.origin then
      vim.api.nvim_set_current_tabpage(tab.origin)
    end
  end
  for _, bufnr in ipairs(buffers) do
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_delete(bufnr, { force = true })
    end
  end
end

--- Goes to the code of the span under the cursor, in the tab page that it was asked for in.
---@param tab flux.DiffTab
---@param text flux.Text
local function open_code(tab, text)
  local step = text.by_line[vim.api.nvim_win_get_cursor(0)[1]]
  if not step then
    return
  end
  if not location.file(step.frame, tab.roots) then
    local unknown = ('telemetry does not say where "%s" is in the code'):format(steps.name(step))
    notice.warn(location.nowhere(step.frame, unknown))
    return
  end
  if vim.api.nvim_tabpage_is_valid(tab.origin) then
    vim.api.nvim_set_current_tabpage(tab.origin)
  end
  location.jump(step.frame, tab.roots)
end

---@param tab flux.DiffTab
---@param text? flux.Text
---@return flux.Key[]
local function keys(tab, text)
  local own = {}
  if text then
    own[1] = {
      lhs = '<CR>',
      plug = 'open',
      hint = 'open',
      desc = 'go to the code of the span under the cursor',
      run = function()
        open_code(tab, text)
      end,
    }
  end
  own[#own + 1] = {
    lhs = 'q',
    plug = 'close',
    hint = 'close',
    desc = 'close the comparison',
    run = function()
      close(tab)
    end,
  }
  return own
end

--- Buffers of the same comparison that are still there give way.
---@param names string[]
local function make_way(names)
  for _, name in ipairs(names) do
    local bufnr = view.find(name)
    if bufnr then
      vim.api.nvim_buf_delete(bufnr, { force = true })
    end
  end
end

--- Opens a window below, or beside, the last one.
---@param tab flux.DiffTab
---@param how string
---@param name string
---@param lines flux.Line[]
---@param text? flux.Text
---@return integer window
---@return string hints
local function open(tab, how, name, lines, text)
  local bufnr = view.scratch(name)
  tab.buffers[#tab.buffers + 1] = bufnr
  vim.cmd(how)
  vim.api.nvim_win_set_buf(0, bufnr)
  local window = vim.api.nvim_get_current_win()
  vim.bo[bufnr].filetype = 'flux-diff'
  view.dress(window, not text and 2 or nil)
  view.write(bufnr, 0, -1, lines)
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = bufnr,
    once = true,
    desc = 'Flux: one without the other shows no difference',
    callback = function()
      vim.schedule(function()
        close(tab)
      end)
    end,
  })
  return window, view.keys(bufnr, keys(tab, text))
end

---@param answer flux.Diff
---@param client vim.lsp.Client
---@param whole boolean
local function show(answer, client, whole)
  require('flux.highlights').define()
  local name = ('diff/%s/%s/'):format(answer.before.short_id, answer.after.short_id)
  make_way({ name .. 'verdict', name .. 'before', name .. 'after' })
  local tab = { origin = vim.api.nvim_get_current_tabpage(), buffers = {}, roots = client_of.roots(client) }
  local head = open(tab, 'tab split', name .. 'verdict', head_lines(answer, whole))
  for _, side in ipairs({ 'before', 'after' }) do
    local text = comparison.text(answer, side, whole)
    local how = side == 'before' and 'belowright split' or 'rightbelow vsplit'
    local window, hints = open(tab, how, name .. side, text.lines, text)
    vim.b.flux_request = answer[side].id
    vim.wo[window][0].winbar = bar(side, answer[side])
    vim.wo[head][0].winbar = '%#FluxTitle#  Flux diff ' .. hints
    vim.cmd('diffthis')
    vim.wo[window][0].foldcolumn = '0'
  end
  local height = vim.api.nvim_win_text_height(head, {}).all + 1
  vim.api.nvim_win_set_height(head, math.min(height, HIGHEST_HEAD))
  vim.wo[head][0].winfixheight = true
  vim.wo[head][0].cursorline = false
  vim.cmd('normal! gg')
  if vim.fn.diff_hlID(1, 1) == 0 then
    pcall(vim.cmd.normal, { ']c', bang = true })
  end
end

--- Shows a comparison that is there already: of a request and its replay, say.
---@param answer flux.Diff
---@param client vim.lsp.Client
function M.show(answer, client)
  show(answer, client, false)
end

---@param id string
---@param other? string
---@param whole? boolean
function M.compare(id, other, whole)
  client_of.command('diff', { id = id, other = other }, function(answer, client)
    show(answer, client, whole == true)
  end)
end

--- Against the last good one.
---@param id string
function M.open(id)
  M.compare(id)
end

---@param arguments flux.Arguments
function M.run(arguments)
  finding.choose_or_latest(arguments.ids, function(id)
    M.compare(id, arguments.ids[2], arguments.options.all == true)
  end)
end

return M
