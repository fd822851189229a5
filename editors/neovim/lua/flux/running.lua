--- Commands that take a while: a window that says how far they are, ends them, and shows what came of it.

local client_of = require('flux.client')
local notice = require('flux.notice')
local view = require('flux.view')

local M = {}

---@class flux.Running
---@field name string The server's command, and the name of the window.
---@field params table<string, any>
---@field doing string What it does, in words.
---@field runs_code? boolean Whether that is code of the folder, which has to be trusted.
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
  local origin, source = vim.api.nvim_get_current_win(), vim.api.nvim_get_current_buf()
  local bufnr, window = view.open({ name = running.name, filetype = 'flux-' .. running.name, wrap = 4 })
  local request ---@type integer?
  local stop = follow(client, token, function(words)
    say(bufnr, running.doing, words)
  end)
  local ended = false
  --- Its keys are not those of a result, so that has a buffer of its own.
  ---@return boolean first
  local function leave()
    if ended then
      return false
    end
    ended = true
    stop()
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_delete(bufnr, { force = true })
    end
    if vim.api.nvim_win_is_valid(origin) then
      vim.api.nvim_set_current_win(origin)
    end
    return true
  end
  local function cancel()
    -- Neovim tells nobody of the answer to a request that was cancelled.
    if request and leave() then
      client:cancel_request(request)
      notice.info(running.name .. ' was cancelled')
    end
  end
  vim.wo[window][0].winbar = view.keys(bufnr, {
    { lhs = 'x', plug = 'cancel', hint = 'cancel', desc = 'end what runs', run = cancel },
  })
  say(bufnr, running.doing, 'begins …')
  request = client_of.ask(client, running.name, running.params, function(err, answer)
    if not leave() then
      return
    end
    if err then
      notice.fail(err.message or 'the server failed without a word')
    else
      running.show(answer, client)
    end
  end, token, source)
end

---@param running flux.Running
function M.start(running)
  client_of.with(function(client, problem)
    if not client then
      notice.fail(problem or 'the server is not running')
    elseif running.runs_code then
      require('flux.trust').need(client, function()
        run(client, running)
      end)
    else
      run(client, running)
    end
  end)
end

return M
