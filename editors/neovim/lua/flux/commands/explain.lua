--- What a model would be asked about a request, word for word. Nothing is sent until somebody says so.

local client_of = require('flux.client')
local finding = require('flux.finding')
local leads = require('flux.leads')
local phrases = require('flux.phrases')
local plain = require('flux.plain')
local running = require('flux.running')
local view = require('flux.view')

---@class flux.command.Explain: flux.Command
local M = {
  summary = 'what a model would be asked about a request',
  ids = true,
  most = 1,
  options = { send = {} },
}

local SEND, NOT = 'Send it', 'Do not'

---@class flux.Explanation
---@field prompt string
---@field bytes integer
---@field omitted { what: string, reason: string }[]
---@field sent boolean
---@field answer? string

--- Text of several lines, each fit for a line of a buffer.
---@param lines flux.Line[]
---@param text string
local function add(lines, text)
  for line in vim.gsplit(text, '\r?\n') do
    lines[#lines + 1] = { text = plain.text(line) }
  end
end

---@param answer flux.Explanation
---@return flux.Line[]
local function render(answer)
  local lines = {}
  if answer.sent then
    add(lines, '# What the model says\n\n' .. (answer.answer or '') .. '\n')
  end
  add(lines, '# What a model would be asked\n')
  local size = phrases.counted(answer.bytes, 'byte')
  add(lines, answer.sent and size .. ', sent.' or size .. '. Nothing was sent.')
  if #answer.omitted > 0 then
    add(lines, '\n## Left out\n')
    for _, left in ipairs(answer.omitted) do
      add(lines, ('- %s: %s'):format(plain.text(left.what), plain.text(left.reason)))
    end
  end
  add(lines, '\n## The prompt\n\n' .. answer.prompt)
  return lines
end

local send ---@type fun(id: string)

---@param id string
---@param answer flux.Explanation
local function confirm(id, answer)
  vim.ui.select({ SEND, NOT }, {
    prompt = ('Send these %s to the provider of your settings?'):format(
      phrases.counted(answer.bytes, 'byte')
    ),
    kind = 'flux',
  }, function(choice)
    if choice == SEND then
      send(id)
    end
  end)
end

---@param id string
---@param answer flux.Explanation
local function show(id, answer)
  local keys = { leads.why(id), leads.trace(id) }
  if not answer.sent then
    table.insert(keys, 1, {
      lhs = 's',
      plug = 'send',
      hint = 'send',
      desc = 'send this to the model of your settings',
      run = function()
        confirm(id, answer)
      end,
    })
  end
  local name = ('request/%s/%s'):format(id:sub(1, 8), answer.sent and 'answer' or 'explain')
  local bufnr = view.show({ name = name, filetype = 'flux-explain', wrap = 2 }, render(answer), keys)
  vim.b[bufnr].flux_request = id
  pcall(vim.treesitter.start, bufnr, 'markdown')
end

send = function(id)
  running.start({
    name = 'explain',
    params = { id = id, send = true },
    doing = 'Explain',
    show = function(answer)
      show(id, answer)
    end,
  })
end

---@param id string
function M.open(id)
  client_of.command('explain', { id = id }, function(answer)
    show(id, answer)
  end)
end

---@param arguments flux.Arguments
function M.run(arguments)
  finding.choose_or_latest(arguments.ids, arguments.options.send and send or M.open)
end

return M
