--- The live tail: every request as it finishes, one line each; under a failure, its error in one line.

local leads = require('flux.leads')
local notice = require('flux.notice')
local plain = require('flux.plain')
local stream = require('flux.stream')
local tail_screen = require('flux.tail_screen')
local view = require('flux.view')

---@class flux.command.Tail: flux.Command
local M = {
  summary = 'every request as it finishes',
  options = {
    ['errors-only'] = {},
    fn = { value = 'a function, or part of its name' },
    service = { value = "a service's name" },
    since = {
      value = 'an age such as 30m',
      complete = function()
        return { '5m', '30m', '2h', '1d' }
      end,
    },
    slow = {
      value = 'milliseconds',
      complete = function()
        return { '200', '1000' }
      end,
    },
  },
}

local MOST_AT_START = 200
local FLUSH_MS = 30

---@class flux.Tail
---@field screen flux.TailScreen
---@field options table<string, string|true>
---@field waiting flux.Request[] Come in since the last write.
---@field writing boolean
---@field state flux.StreamState
---@field words? string
---@field hints string The keys, for the bar.
---@field stop fun()
---@field watcher flux.Watcher
---@field earlier? string Where the next older ones are.

local empty_namespace = vim.api.nvim_create_namespace('flux.tail.empty')

---@type flux.Tail?
local current

---@param tail flux.Tail
---@return string winbar
local function bar_of(tail)
  local filter = {}
  for name, value in vim.spairs(tail.options) do
    filter[#filter + 1] = value == true and name or ('%s %s'):format(name, value)
  end
  local words = plain.text(table.concat(filter, ' · ')):gsub('%%', '%%%%')
  local live = tail.state == 'live'
  return table.concat({
    '%#FluxTitle#  Flux tail ',
    '%#FluxQuiet#' .. (words == '' and '' or ('· %s '):format(words)),
    live and '%#FluxOk#● live' or ('%%#FluxRefused#○ %s'):format(tail.state),
    tail.hints,
  })
end

--- Says how the stream is: in the bar above it, and in place of requests as long as there are none.
---@param tail flux.Tail
local function show_state(tail)
  vim.api.nvim_buf_clear_namespace(tail.screen.bufnr, empty_namespace, 0, -1)
  if #tail.screen.order == 0 then
    local words = tail.words or (tail.state == 'connecting' and 'Connecting…' or '')
    if tail.state == 'live' then
      words = words .. ' No request yet: each shows here as it finishes. :Flux doctor tells what is missing.'
    end
    vim.api.nvim_buf_set_extmark(tail.screen.bufnr, empty_namespace, 0, 0, {
      virt_text = { { '  ' .. plain.text((vim.trim(words):gsub('%s+', ' '))), 'FluxQuiet' } },
      virt_text_pos = 'overlay',
    })
  end
  for _, window in ipairs(vim.fn.win_findbuf(tail.screen.bufnr)) do
    vim.wo[window][0].winbar = bar_of(tail)
  end
end

--- Writes what has come in since the last time.
---@param tail flux.Tail
local function flush(tail)
  tail.writing = false
  local incoming = tail.waiting
  tail.waiting = {}
  if current ~= tail then
    return
  end
  tail_screen.put(tail.screen, incoming)
  if #tail.screen.order > 0 then
    vim.api.nvim_buf_clear_namespace(tail.screen.bufnr, empty_namespace, 0, -1)
  end
end

---@param tail flux.Tail
---@param requests flux.Request[]
local function take(tail, requests)
  vim.list_extend(tail.waiting, requests)
  if not tail.writing and #tail.waiting > 0 then
    tail.writing = true
    vim.defer_fn(function()
      flush(tail)
    end, FLUSH_MS)
  end
end

---@param tail flux.Tail
local function bring_older(tail)
  stream.older(tail.watcher, tail.earlier or tail.screen.order[1], function(requests, earlier)
    if current ~= tail then
      return
    end
    tail.earlier = earlier
    tail_screen.put_above(tail.screen, requests)
    show_state(tail)
    if not earlier then
      notice.info('these are all that are kept')
    elseif #requests == 0 then
      notice.info('none so far; press the key again to look further back')
    end
  end)
end

---@param tail flux.Tail
---@return flux.Request?
local function under_cursor(tail)
  return tail_screen.at(tail.screen, vim.api.nvim_win_get_cursor(0)[1] - 1)
end

---@param options table<string, string|true>
---@return flux.Filter
local function filter_of(options)
  return {
    errors_only = options['errors-only'] --[[@as boolean?]],
    fn = options.fn --[[@as string?]],
    service = options.service --[[@as string?]],
    slow_ms = tonumber(options.slow),
  }
end

--- The options as they are typed.
---@param options table<string, string|true>
---@return string
local function typed(options)
  local words = {}
  for name, value in vim.spairs(options) do
    if type(value) == 'string' then
      local form = value:find('%s') and "--%s='%s'" or '--%s=%s'
      words[#words + 1] = form:format(name, value)
    else
      words[#words + 1] = '--' .. name
    end
  end
  return table.concat(words, ' ')
end

--- Lets the user say what is wanted of the stream.
---@param tail flux.Tail
local function ask_filter(tail)
  vim.ui.input({
    prompt = 'Flux tail ',
    default = typed(tail.options),
    completion = "customlist,v:lua.require'flux.commands.tail'.complete",
  }, function(line)
    if not line then
      return
    end
    local commands = require('flux.commands')
    local words, problem =
      commands.words({ args = line, fargs = vim.split(line, '%s+', { trimempty = true }) })
    local arguments ---@type flux.Arguments?
    if words then
      arguments, problem = commands.parse(words, M.options)
    end
    if arguments and arguments.ids[1] then
      arguments, problem = nil, ('it takes no %s'):format(arguments.ids[1])
    end
    if arguments then
      M.run(arguments)
    else
      notice.fail((':Flux tail: %s'):format(problem))
    end
  end)
end

--- Completes what |vim.ui.input()| asks for.
---@param lead string
---@param line string
---@param position integer
---@return string[]
function M.complete(lead, line, position)
  local command = 'Flux tail '
  return require('flux.commands').complete(lead, command .. line, #command + position)
end

---@param options table<string, string|true>
---@param bufnr integer
---@param last integer How many to begin with.
---@return flux.Tail
local function start(options, bufnr, last)
  local tail ---@type flux.Tail
  ---@type flux.Watcher
  local watcher = {
    filter = filter_of(options),
    since = options.since --[[@as string?]],
    last = last,
    on_requests = function(requests)
      take(tail, requests)
    end,
    on_state = function(state, words)
      tail.state, tail.words = state, words
      if vim.api.nvim_buf_is_valid(bufnr) then
        show_state(tail)
      end
    end,
  }
  tail = {
    screen = tail_screen.new(bufnr),
    options = options,
    waiting = {},
    writing = false,
    state = 'connecting',
    hints = '',
    watcher = watcher,
    stop = function() end,
  }
  tail.stop = stream.watch(watcher)
  return tail
end

---@param arguments flux.Arguments
function M.run(arguments)
  local slow = arguments.options.slow
  if slow and not tonumber(slow) then
    notice.fail((':Flux tail: --slow takes milliseconds, not %s'):format(slow))
    return
  end
  local bufnr, _, fresh = view.open({
    name = 'tail',
    filetype = 'flux-tail',
    window = 'split',
    height = require('flux.config').get().tail.height,
  })
  local last = require('flux.config').get().tail.height
  if current and not fresh then
    if vim.deep_equal(current.options, arguments.options) then
      return
    end
    -- Another filter is asked of what was on the screen too, and not only of what is to come.
    last = math.max(last, math.min(#current.screen.order, MOST_AT_START))
    current.stop()
    view.write(bufnr, 0, -1, {})
  end
  local tail = start(arguments.options, bufnr, last)
  current = tail
  if fresh then
    vim.api.nvim_create_autocmd('BufWipeout', {
      buffer = bufnr,
      once = true,
      desc = 'Flux: end the tail',
      callback = function()
        if current and current.screen.bufnr == bufnr then
          current.stop()
          current = nil
        end
      end,
    })
  end
  local function which()
    local request = under_cursor(tail)
    return request and request.id
  end
  vim.b[bufnr].flux_request = which
  tail.hints = view.keys(bufnr, {
    {
      lhs = '<CR>',
      plug = 'open',
      hint = 'open',
      desc = 'go to the line responsible; the trace of a request that did not fail',
      run = function()
        local request = under_cursor(tail)
        if request and request.failed then
          require('flux.commands.why').jump(request.id)
        elseif request then
          require('flux.commands.trace').open(request.id)
        end
      end,
    },
    leads.why(which),
    leads.trace(which),
    leads.debug(which),
    leads.diff(which),
    {
      lhs = 'o',
      plug = 'older',
      hint = 'older',
      desc = 'bring older requests',
      run = function()
        bring_older(tail)
      end,
    },
    {
      lhs = 'f',
      plug = 'filter',
      hint = 'filter',
      desc = 'say which requests are wanted',
      run = function()
        ask_filter(tail)
      end,
    },
    {
      lhs = 'F',
      plug = 'filter-none',
      hint = 'all',
      desc = 'show every request again',
      run = function()
        M.run({ ids = {}, options = {} })
      end,
    },
  })
  show_state(tail)
end

return M
