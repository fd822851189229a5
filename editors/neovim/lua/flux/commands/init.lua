--- `:Flux`: one table that dispatches and completes. Each command is a module beside this one.

local notice = require('flux.notice')

local M = {}

---@class flux.Arguments
---@field ids string[] Request ids, and whatever else was given bare.
---@field options table<string, string|true>
---@field verbatim? string All that was given, as it was typed, for commands that take it so.

---@class flux.Option
---@field value? string What follows it, in words; nil for a switch.
---@field complete? fun(): string[]

---@class flux.Command
---@field summary string
---@field ids? boolean Whether it takes request ids, or other bare words.
---@field most? integer At most so many of them.
---@field complete? fun(before: string[]): string[] Completes a bare word, given those before it; else it is an id.
---@field options? table<string, flux.Option> By name, without the dashes.
---@field verbatim? boolean Takes whatever is given as it was typed: a command line of the shell's.
---@field run fun(arguments: flux.Arguments)

M.names = require('flux.names')

-- Those whose `flux.server.` namesake does what it says, or that have none: nothing opens for them.
local OWN = { run = true, dismiss = true, restore = true, trust = true, restart = true }

local RENAMED = { test = 'writeTest' }

---@param name string
---@return flux.Command
local function command(name)
  return require('flux.commands.' .. name)
end

--- What was typed, as words: what single quotes enclose is one, at its beginning or after a `=`. Vim splits at every
--- space, and what it hands on of a backslash and a space is one word already.
---@param invocation { args: string, fargs: string[] }
---@return string[]?
---@return string? problem
function M.words(invocation)
  local quotes = vim.iter(invocation.fargs):any(function(word)
    return word:find("^'") ~= nil or word:find("^%-%-[%w-]+='") ~= nil
  end)
  if not quotes then
    return vim.deepcopy(invocation.fargs)
  end
  local words, at, text = {}, 1, invocation.args
  while true do
    local first = text:find('%S', at)
    if not first then
      return words
    end
    local name = text:match('^%-%-[%w-]+=', first) or ''
    local quote = first + #name ---@type integer
    if text:sub(quote, quote) == "'" then
      local quoted = text:match("^'[^']*'", quote) or ''
      at = quote + #quoted
      if quoted == '' or text:find('^%S', at) then
        return nil, ('the quote of %s is not closed'):format(text:sub(first))
      end
      words[#words + 1] = name .. quoted:sub(2, -2)
    else
      local last = first
      while text:find('^%S', last) do
        last = last + (text:find('^\\%s', last) and 2 or 1)
      end
      words[#words + 1] = text:sub(first, last - 1):gsub('\\(%s)', '%1')
      at = last
    end
  end
end

---@param words string[]
---@param options table<string, flux.Option>
---@return flux.Arguments?
---@return string? problem
function M.parse(words, options)
  local arguments = { ids = {}, options = {} }
  local position = 1
  while position <= #words do
    local word = words[position]
    local name, value = word:match('^%-%-([%w-]+)=?(.*)$')
    if not name then
      arguments.ids[#arguments.ids + 1] = word
    elseif not options[name] then
      return nil, ('there is no option --%s'):format(name)
    elseif not options[name].value then
      arguments.options[name] = true
    else
      if not word:find('=', 1, true) then
        position = position + 1
        value = words[position]
      end
      if not value or value == '' then
        return nil, ('--%s needs %s'):format(name, options[name].value)
      end
      arguments.options[name] = value
    end
    position = position + 1
  end
  return arguments
end

---@param invocation vim.api.keyset.create_user_command.command_args
function M.run(invocation)
  local name = invocation.fargs[1]
  if not name then
    vim.ui.select(M.names, {
      prompt = 'Flux',
      kind = 'flux',
      format_item = function(item)
        return ('%s: %s'):format(item, command(item).summary)
      end,
    }, function(choice)
      if choice then
        command(choice).run({ ids = {}, options = {} })
      end
    end)
    return
  end
  if not vim.list_contains(M.names, name) then
    notice.fail(('there is no :Flux %s. There is: %s'):format(name, table.concat(M.names, ', ')))
    return
  end
  local chosen = command(name)
  if chosen.verbatim then
    local typed = invocation.args:match('^%s*%S+%s+(.*%S)')
    chosen.run({ ids = {}, options = {}, verbatim = typed })
    return
  end
  local words, problem = M.words(invocation)
  local arguments ---@type flux.Arguments?
  if words then
    arguments, problem = M.parse(vim.list_slice(words, 2), chosen.options or {})
  end
  local most = chosen.ids and (chosen.most or math.huge) or 0
  if arguments and #arguments.ids > most then
    arguments, problem = nil, ('it takes no %s'):format(arguments.ids[most + 1])
  end
  if not arguments then
    notice.fail((':Flux %s: %s'):format(name, problem))
    return
  end
  chosen.run(arguments)
end

---@param candidates string[]
---@param lead string
---@return string[]
local function starting_with(candidates, lead)
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

--- Completion of the command line, as |:command-completion-customlist| wants it.
---@param lead string
---@param line string
---@param position integer
---@return string[]
function M.complete(lead, line, position)
  local typed = line:sub(1, position - #lead)
  local name = typed:match('^%s*.-Flux!?%s+(%S+)%s')
  if not name then
    return starting_with(M.names, lead)
  end
  if not vim.list_contains(M.names, name) then
    return {}
  end
  local chosen = command(name)
  if chosen.verbatim then
    return vim.fn.getcompletion(lead, typed:match('Flux!?%s+%S+%s+%S') and 'file' or 'shellcmd')
  end
  local before = typed:match('%-%-([%w-]+)%s+$')
  local option = before and (chosen.options or {})[before]
  if option and option.value then
    return option.complete and starting_with(option.complete(), lead) or {}
  end
  if vim.startswith(lead, '-') or not chosen.ids then
    local names = vim.tbl_map(function(each)
      return '--' .. each
    end, vim.tbl_keys(chosen.options or {}))
    table.sort(names)
    return starting_with(names, lead)
  end
  local words = vim.split(vim.trim(typed:match('Flux!?%s+%S+%s(.*)$') or ''), '%s+', { trimempty = true })
  local arguments = M.parse(words, chosen.options or {})
  local bare = arguments and arguments.ids or {}
  if #bare >= (chosen.most or math.huge) then
    return {}
  end
  local candidates = chosen.complete and chosen.complete(bare) or require('flux.stream').recent_ids()
  return starting_with(candidates, lead)
end

--- The bare words that parameters of the server's command stand for.
---@param params any
---@return string[]
local function words_of(params)
  if type(params) ~= 'table' then
    return type(params) == 'string' and { params } or {}
  end
  local words = {}
  for _, name in ipairs({ 'table', 'id', 'other' }) do
    if type(params[name]) == 'string' then
      words[#words + 1] = params[name]
    end
  end
  return words
end

--- What the server's commands do when a lens or a code action names them: they open Flux's views.
---@return table<string, fun(command: lsp.Command, context: table)>
function M.client_side()
  local function opening(name)
    return function(clicked, context)
      local params = (clicked.arguments or {})[1]
      local options = {} ---@type table<string, string|true>
      if type(params) == 'table' and params.latest == true then
        options.latest = true
      end
      command(name).run({ ids = words_of(params), options = options })
      -- Neovim 0.11 takes a lens off the screen when it is run.
      require('flux.lenses').refresh(context.bufnr)
    end
  end
  local commands = {}
  for _, name in ipairs(M.names) do
    if not OWN[name] then
      commands['flux.server.' .. (RENAMED[name] or name)] = opening(name)
    end
  end
  return commands
end

return M
