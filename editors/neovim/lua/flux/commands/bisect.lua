--- The commit that broke it, and the part of it that is in the functions that fail. <CR> on a hunk goes to the code.

local client_of = require('flux.client')
local finding = require('flux.finding')
local location = require('flux.location')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local running = require('flux.running')
local view = require('flux.view')

---@class flux.command.Bisect: flux.Command
local M = {
  summary = 'the commit that broke it',
  ids = true,
  most = 1,
  options = {
    good = { value = 'a revision that was good' },
    bad = { value = 'a revision that is bad' },
    run = { value = 'a command' },
    jobs = { value = 'how many revisions at once' },
    timeout = { value = 'seconds that a revision may take' },
    ['first-parent'] = {},
    fresh = {},
  },
}

local SHORT = 12

---@param lines flux.Line[]
---@param commit table
local function add_commit(lines, commit)
  lines[#lines + 1] = view.line(
    { '  ' },
    { commit.revision:sub(1, SHORT), 'FluxId' },
    { '  ' .. plain.first_line(commit.subject), 'FluxTitle' }
  )
  lines[#lines + 1] =
    view.line({ ('  %s, %s'):format(plain.first_line(commit.author), commit.date), 'FluxQuiet' })
end

---@param answer table
---@return flux.Line[]
---@return table<integer, table> hunks By line.
local function render(answer)
  local lines, by_line = {}, {}
  if answer.first_bad then
    lines[1] = view.line({ '  FIRST BAD COMMIT', 'FluxHeading' })
    add_commit(lines, answer.first_bad)
  else
    lines[1] = view.line({ '  NO FIRST BAD COMMIT', 'FluxHeading' })
    lines[2] = view.line({ '  ' .. plain.first_line(answer.reason or '') })
    for _, commit in ipairs(answer.among) do
      add_commit(lines, commit)
    end
  end
  for _, hunk in ipairs(answer.hunks) do
    lines[#lines + 1] = view.line({ '' })
    lines[#lines + 1] = view.line(
      { '  ' },
      { ('%s:%d'):format(hunk.path, hunk.line), 'FluxLocation' },
      { hunk['function'] and '  in ' .. hunk['function'] or '', 'FluxQuiet' }
    )
    by_line[#lines] = hunk
    for index, text in ipairs(vim.split(hunk.diff, '\r?\n')) do
      if index > 1 then
        local kind = text:sub(1, 1)
        local group = kind == '+' and 'Added' or kind == '-' and 'Removed' or 'FluxQuiet'
        lines[#lines + 1] = view.line({ '    ' }, { (text:gsub('\t', '    ')), group })
        by_line[#lines] = hunk
      end
    end
  end
  lines[#lines + 1] = view.line({ '' })
  lines[#lines + 1] = view.line({
    ('  %s for %s'):format(phrases.counted(answer.runs, 'run'), phrases.counted(answer.candidates, 'commit')),
    'FluxQuiet',
  })
  for _, evidence in ipairs(answer.evidence) do
    local reason = evidence.verdict ~= 'good' and evidence.reason or nil
    lines[#lines + 1] = view.line(
      { '  ' },
      { ('%-4s '):format(evidence.verdict), evidence.verdict == 'bad' and 'FluxFailed' or 'FluxOk' },
      { evidence.revision:sub(1, SHORT), 'FluxId' },
      { '  ' .. evidence.source, 'FluxQuiet' },
      { reason and '  ' .. plain.first_line(reason) or '', 'FluxQuiet' }
    )
  end
  for _, note in ipairs(answer.notes) do
    lines[#lines + 1] = view.line({ '  ' .. plain.first_line(note), 'FluxHandled' })
  end
  return lines, by_line
end

---@param answer table
---@param client vim.lsp.Client
local function show(answer, client)
  local lines, by_line = render(answer)
  local roots = client_of.roots(client)
  local bufnr = view.show({ name = 'bisect', filetype = 'flux-bisect', wrap = 4 }, lines, {
    {
      lhs = '<CR>',
      plug = 'open',
      hint = 'open',
      desc = 'go to the code of the hunk under the cursor',
      run = function()
        local hunk = by_line[vim.api.nvim_win_get_cursor(0)[1]]
        if hunk then
          view.step_aside()
          location.jump({ path = hunk.path, line = hunk.line, anchor = 'exact' }, roots)
        end
      end,
    },
  })
  if answer.request_id then
    vim.b[bufnr].flux_request = answer.request_id
  end
end

---@param params table<string, any>
local function start(params)
  running.start({ name = 'bisect', params = params, doing = 'Bisect', show = show, runs_code = true })
end

---@param id string
function M.open(id)
  start({ id = id })
end

---@param arguments flux.Arguments
function M.run(arguments)
  local options = arguments.options
  local params = { good = options.good, bad = options.bad, run = options.run }
  params.firstParent = options['first-parent']
  params.fresh = options.fresh
  if options.jobs then
    local jobs = tonumber(options.jobs)
    if not jobs or jobs % 1 ~= 0 then
      require('flux.notice').fail((':Flux bisect: --jobs takes a number, not %s'):format(options.jobs))
      return
    end
    params.jobs = jobs
  end
  if options.timeout then
    local seconds = tonumber(options.timeout)
    if not seconds or seconds < 0 then
      require('flux.notice').fail((':Flux bisect: --timeout takes seconds, not %s'):format(options.timeout))
      return
    end
    params.timeout = seconds
  end
  if options.run and #arguments.ids == 0 then
    start(params)
    return
  end
  finding.choose_or_latest(arguments.ids, function(id)
    start(vim.tbl_extend('force', params, { id = id }))
  end)
end

return M
