--- Why a request failed: root cause, location, the way there. <CR> on a location goes to it.

local client_of = require('flux.client')
local finding = require('flux.finding')
local leads = require('flux.leads')
local location = require('flux.location')
local notice = require('flux.notice')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local recorded = require('flux.recorded')
local request_of = require('flux.request')
local rows = require('flux.rows')
local view = require('flux.view')

---@class flux.command.Why: flux.Command
local M = {
  summary = 'why a request failed',
  ids = true,
}

local VALUE_CELLS = 240
local ROW_CELLS = 150
local MOST_NAMES = 30
local MOST_ROWS = 20

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

---@param page flux.Page
---@param frame flux.Frame
local function add_location(page, frame)
  add(page, vim.list_extend({ { '  ' } }, location.pieces(frame)), frame)
  local source = vim.trim(frame.source or ''):gsub('\t', ' ')
  if source ~= '' then
    add(page, { { ('    %d │ '):format(frame.line), 'FluxQuiet' }, { source } }, frame)
  end
  local words = location.anchor_words(frame)
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
    vim.list_extend(pieces, location.pieces(frame))
  end
  add(page, pieces, frame)
end

--- Names and values, one a line.
---@param page flux.Page
---@param told table<string, any>
---@param indent string
local function add_named(page, told, indent)
  local names = recorded.names(told)
  for position = 1, math.min(#names, MOST_NAMES) do
    local name = names[position]
    local head = { { indent .. plain.text(name) .. ' = ', 'FluxQuiet' } }
    add(page, vim.list_extend(head, { { recorded.bare(told, name, VALUE_CELLS) } }))
  end
  if #names > MOST_NAMES then
    add(page, { { ('%s… %d more'):format(indent, #names - MOST_NAMES), 'FluxQuiet' } })
  end
end

--- What came in. Nobody reads the headers of a request here.
---@param page flux.Page
---@param input table<string, any>
local function add_input(page, input)
  for _, name in ipairs(recorded.names(input)) do
    local value = input[name]
    local object = recorded.is_object(value) and not recorded.is_mark(value)
    if object and name == 'headers' then
      local count = #recorded.names(value)
      add(page, { { count > 0 and '  ' .. phrases.counted(count, 'header') or '', 'FluxQuiet' } })
    elseif object and next(value) ~= nil then
      add(page, { { '  ' .. plain.text(name) } })
      add_named(page, value, '    ')
    else
      local head = { { '  ' .. plain.text(name) .. ' = ', 'FluxQuiet' } }
      add(page, vim.list_extend(head, { { recorded.bare(input, name, VALUE_CELLS) } }))
    end
  end
end

---@param page flux.Page
---@param changes flux.RowChange[]
local function add_row_changes(page, changes)
  for position, row in ipairs(changes) do
    if position > MOST_ROWS then
      local more = phrases.counted(#changes - MOST_ROWS, 'more change')
      add(page, { { '  … ' .. more, 'FluxQuiet' } })
      return
    end
    add(page, vim.list_extend({ { '  ' } }, rows.change(row, ROW_CELLS)), row.frame)
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
  local locals = answer.location and answer.location.locals
  if locals and #recorded.names(locals) > 0 then
    section(page, 'LOCALS')
    add_named(page, locals, '  ')
  end
  if #(answer.row_changes or {}) > 0 then
    section(page, 'DATA CHANGES')
    add_row_changes(page, answer.row_changes)
  end
  if #(answer.suggestions or {}) > 0 then
    section(page, 'SUGGESTION')
    for _, suggestion in ipairs(answer.suggestions) do
      add(page, { { '  ' .. plain.text(suggestion.title) } })
      add(page, { { '    ' .. plain.text(suggestion.evidence), 'FluxQuiet' } })
    end
  end
  if #(answer.frames or {}) > 1 then
    section(page, 'PATH')
    for _, frame in ipairs(answer.frames) do
      add(page, vim.list_extend({ { '  ' } }, location.pieces(frame)), frame)
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
  if answer.input and #recorded.names(answer.input) > 0 then
    section(page, 'INPUT')
    add_input(page, answer.input)
  end
  if #(answer.contrast or {}) > 0 then
    section(page, 'IN COMMON')
    for _, found in ipairs(answer.contrast) do
      add(page, {
        { '  ' .. plain.text(found.condition) },
        { (': %d/%d failures, '):format(found.failing, found.failing_total), 'FluxQuiet' },
        { ('%d/%d successes'):format(found.passing, found.passing_total), 'FluxQuiet' },
      })
    end
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
    { name = ('request/%s/why'):format(request.short_id), filetype = 'flux-why', wrap = 4 },
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
      leads.trace(request.id),
      leads.debug(request.id),
      leads.diff(request.id),
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
