--- Why a request failed: root cause, location, the way there. <CR> on a location goes to it.

local client_of = require('flux.client')
local finding = require('flux.finding')
local location = require('flux.location')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local request_of = require('flux.request')
local view = require('flux.view')

---@class flux.command.Why: flux.Command
local M = {
  summary = 'why a request failed',
  ids = true,
}

-- What stands before an exception of a chain.
local LINK_WORDS = {
  raised_from = 'led to ',
  cause = 'caused by ',
  context = 'while handling ',
  member = 'in the same group: ',
}

---@class flux.Page A text under construction, and the frames that its lines stand for.
---@field lines flux.Line[]
---@field frames table<integer, flux.Frame>

---@param page flux.Page
---@param pieces flux.Piece[]
---@param frame? flux.Frame
local function add(page, pieces, frame)
  page.lines[#page.lines + 1] = view.line(unpack(pieces))
  page.frames[#page.lines] = frame
end

---@param page flux.Page
---@param title string
local function section(page, title)
  add(page, { { '' } })
  add(page, { { '  ' .. title, 'FluxHeading' } })
end

---@param page flux.Page
---@param indent string
---@param text string
---@param group string
local function add_text(page, indent, text, group)
  for line in vim.gsplit(text, '\r\n?') do
    for part in vim.gsplit(line, '\n') do
      add(page, { { indent }, { part, group } })
    end
  end
end

---@param raised { type: string, message?: string }
---@return string
local function error_words(raised)
  local message = raised.message or ''
  return message == '' and raised.type or ('%s: %s'):format(raised.type, message)
end

--- The pieces that name a place.
---@param frame flux.Frame
local function place(frame)
  return {
    { ('%s:%d'):format(frame.path, frame.line), 'FluxLocation' },
    { frame['function'] and frame['function'] ~= '' and '  in ' .. frame['function'] or '', 'FluxQuiet' },
  }
end

---@param frame flux.Frame
---@return string? words What to know about how the recorded place and today's code fit together.
local function anchor_words(frame)
  local recorded = ('%s line %s'):format(frame.recorded_path, frame.recorded_line)
  local because = frame.reason and ': ' .. frame.reason or ''
  if frame.anchor == 'moved' then
    return 'moved since it was recorded as ' .. recorded
  elseif frame.anchor == 'edited' then
    return 'unverified: the code was edited since; recorded as ' .. recorded
  elseif frame.anchor == 'gone' then
    return ("gone from today's code%s; recorded as %s"):format(because, recorded)
  elseif frame.anchor == 'unmapped' then
    return 'not found in this workspace' .. because
  end
end

---@param page flux.Page
---@param frame flux.Frame
local function add_location(page, frame)
  add(page, vim.list_extend({ { '  ' } }, place(frame)), frame)
  local source = vim.trim(frame.source or '')
  if source ~= '' then
    add(page, { { ('    %d │ '):format(frame.line), 'FluxQuiet' }, { source } }, frame)
  end
  local words = anchor_words(frame)
  if words then
    add(page, { { '  ' .. words, 'FluxHandled' } }, frame)
  end
end

---@param page flux.Page
---@param raised { type: string, message?: string }
---@param frame? flux.Frame
---@param before flux.Piece
---@param group string
local function add_raised(page, raised, frame, before, group)
  local first = error_words(raised):match('^[^\r\n]*')
  local pieces = { { '  ' }, before, { first, group } }
  if frame then
    vim.list_extend(pieces, { { '  ' } })
    vim.list_extend(pieces, place(frame))
  end
  add(page, pieces, frame)
end

---@param page flux.Page
---@param input table<string, any>
---@param indent string
local function add_values(page, input, indent)
  for key, value in vim.spairs(input) do
    if type(value) == 'table' and not vim.islist(value) then
      add(page, { { indent .. key } })
      add_values(page, value, indent .. '  ')
    else
      local words = type(value) == 'table' and vim.json.encode(value) or tostring(value)
      add(page, { { indent .. key .. ' = ', 'FluxQuiet' }, { words } })
    end
  end
end

---@param answer table
---@return flux.Page
local function render(answer)
  ---@type flux.Page
  local page = { lines = {}, frames = {} }
  add(page, request_of.heading(answer.request))
  if answer.root_cause then
    section(page, 'ROOT CAUSE')
    add_text(page, '  ', error_words(answer.root_cause), 'FluxError')
    add(page, { { '  in span ' .. answer.root_cause.span_name, 'FluxQuiet' } })
    section(page, 'LOCATION')
    if answer.location then
      add_location(page, answer.location)
    else
      add(page, { { '  none: ' .. (answer.location_reason or 'no stack trace was recorded') } })
    end
  else
    add(page, { { '' } })
    local failed = answer.request.failed
    add(page, { { failed and '  It failed, but no span says why.' or '  This request did not fail.' } })
  end
  if #(answer.frames or {}) > 1 then
    section(page, 'PATH')
    for _, frame in ipairs(answer.frames) do
      add(page, vim.list_extend({ { '  ' } }, place(frame)), frame)
    end
  end
  if #(answer.chain or {}) > 1 then
    section(page, 'CHAIN')
    local depth = 0
    for _, link in ipairs(answer.chain) do
      local before = LINK_WORDS[link.relation] or ''
      if link.relation == 'raised_from' then
        before = ('   '):rep(depth) .. '└─ ' .. before
        depth = depth + 1
      elseif link.relation ~= 'root_cause' then
        before = '· ' .. before
      end
      add_raised(page, link, link.frame, { before, 'FluxQuiet' }, 'FluxError')
    end
  end
  if #(answer.handled or {}) > 0 then
    section(page, 'HANDLED')
    for _, handled in ipairs(answer.handled) do
      add_raised(page, handled, handled.location, { '' }, 'FluxHandled')
    end
  end
  if answer.input and not vim.tbl_isempty(answer.input) then
    section(page, 'INPUT')
    add_values(page, answer.input, '  ')
  end
  if answer.group then
    section(page, 'SEEN')
    local last = phrases.ago(answer.group.last_seen)
    local first = phrases.ago(answer.group.first_seen)
    add(page, {
      {
        answer.group.count == 1 and '  once, ' .. last
          or ('  %s, first %s, last %s'):format(phrases.counted(answer.group.count, 'time'), first, last),
      },
    })
  end
  return page
end

---@param answer table
---@param client vim.lsp.Client
local function show(answer, client)
  local page, roots = render(answer), client_of.roots(client)
  local request = answer.request
  local bufnr = view.show(
    { name = ('request/%s/why'):format(request.short_id), filetype = 'flux-why' },
    page.lines,
    {
      {
        lhs = '<CR>',
        plug = 'open',
        hint = 'open',
        desc = 'go to the location under the cursor, else to the responsible line',
        run = function()
          local frame = page.frames[vim.api.nvim_win_get_cursor(0)[1]] or answer.location
          view.step_aside()
          if not location.jump(frame, roots) then
            notice.warn(location.nowhere(frame, answer.location_reason))
          end
        end,
      },
      {
        lhs = 't',
        plug = 'trace-here',
        hint = 'trace',
        desc = 'the trace of this request',
        run = function()
          view.step_aside()
          require('flux.commands.trace').open(request.id)
        end,
      },
    }
  )
  vim.b[bufnr].flux_request = request.id
end

---@param id string
function M.open(id)
  client_of.command('why', { id = id }, show)
end

--- Goes to the line that is responsible for a failure; shows why when there is none to go to.
---@param id string
function M.jump(id)
  client_of.command('why', { id = id }, function(answer, client)
    if not location.jump(answer.location, client_of.roots(client)) then
      show(answer, client)
    end
  end)
end

---@param arguments flux.Arguments
function M.run(arguments)
  finding.choose(arguments.ids, M.open)
end

return M
