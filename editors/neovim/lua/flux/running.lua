--- Commands that take a while: a window that says how far they are, ends them, and shows what came of it.

local client_of = require('flux.client')
local notice = require('flux.notice')
local view = require('flux.view')

local M = {}

local CANCELLED = -32800

---@class flux.Running
---@field name string The server's command, and the name of the window.
---@field params table<string, any>
---@field doing string What it does, in words.
---@field show fun(answer: table, client: vim.lsp.Client)

---@param bufnr integer
---@param title string
---@param words string
local function say(bufnr, title, words)
  if vim.api.nvim_buf_is_valid(bufnr) then
    view.write(bufnr, 0, -1, {
      view.line({ '  ' }, { title, 'FluxTitle' }),
      view.line({ '  ' }, { words, 'FluxQuiet' }),
    })
  end
end

--- Follows the progress of a client until the returned function is called.
---@param client vim.lsp.Client
---@param token string
---@param callback fun(words: string)
---@return fun() stop
local function follow(client, token, callback)
  local id = vim.api.nvim_create_autocmd('LspProgress', {
    desc = 'Flux: how far a command is',
    callback = function(event)
      local params = event.data.params
      if event.data.client_id == client.id and params.token == token and params.value.message then
        callback(params.value.message)
      end
    end,
  })
  return function()
    pcall(vim.api.nvim_del_autocmd, id)
  end
end

local runs = 0

---@param client vim.lsp.Client
---@param running flux.Running
local function run(client, running)
  runs = runs + 1
  local token = ('flux-%s-%d'):format(running.name, runs)
  local origin = vim.api.nvim_get_current_win()
  local bufnr, window = view.open({ name = running.name, filetype = 'flux-' .. running.name, wrap = 4 })
  local request ---@type integer?
  local ended = false
  local function cancel()
    if request and not ended then
      client:cancel_request(request)
    end
  end
  vim.wo[window][0].winbar = view.keys(bufnr, {
    { lhs = 'x', plug = 'cancel', hint = 'cancel', desc = 'end what runs', run = cancel },
  })
  say(bufnr, running.doing, 'begins …')
  local stop = follow(client, token, function(words)
    say(bufnr, running.doing, words)
  end)
  request = client_of.ask(client, running.name, running.params, function(err, answer)
    ended = true
    stop()
    if not err then
      if vim.api.nvim_buf_is_valid(bufnr) then
        -- Its keys are those of the result.
        vim.api.nvim_buf_delete(bufnr, { force = true })
      end
      running.show(answer, client)
      return
    end
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_delete(bufnr, { force = true })
    end
    if vim.api.nvim_win_is_valid(origin) then
      vim.api.nvim_set_current_win(origin)
    end
    if err.code == CANCELLED then
      notice.info(running.name .. ' was cancelled')
    else
      notice.fail(err.message or 'the server failed without a word')
    end
  end, token)
end

---@param running flux.Running
function M.start(running)
  client_of.with(function(client, problem)
    if client then
      run(client, running)
    else
      notice.fail(problem or 'the server is not running')
    end
  end)
end

return M
