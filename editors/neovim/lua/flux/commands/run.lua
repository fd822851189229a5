--- Runs a program under the recorder, in a terminal below: what it does shows here, for the server has the same store.

local client_of = require('flux.client')
local notice = require('flux.notice')

---@class flux.command.Run: flux.Command
local M = {
  summary = 'run a program and record what its requests do',
  verbatim = true,
}

local HEIGHT = 12

--- The `flux` that belongs to the server: it is installed beside it.
---@return string? path
local function program()
  local cmd = (client_of.config() or {}).cmd
  local server = type(cmd) == 'table' and vim.fn.exepath(cmd[1]) or ''
  local beside = server ~= '' and vim.fn.exepath(vim.fs.joinpath(vim.fs.dirname(server), 'flux')) or ''
  local found = beside ~= '' and beside or vim.fn.exepath('flux')
  return found ~= '' and found or nil
end

--- The server's settings as the terminal has them: `otlpHttpPort` is FLUX_OTLP_HTTP_PORT.
---@return table<string, string>
local function environment()
  local told = vim.empty_dict()
  for name, value in pairs(require('flux.config').get().settings) do
    if type(value) == 'string' or type(value) == 'number' then
      told['FLUX_' .. name:gsub('%u', '_%0'):upper()] = tostring(value)
    end
  end
  return told
end

--- The window of a run that has ended.
---@return integer? window
local function ended()
  return vim.iter(vim.api.nvim_tabpage_list_wins(0)):find(function(window)
    local bufnr = vim.api.nvim_win_get_buf(window)
    return vim.b[bufnr].flux_run == true and vim.fn.jobwait({ vim.bo[bufnr].channel }, 0)[1] ~= -1
  end)
end

---@param command string
local function run(command)
  local flux = program()
  if not flux then
    notice.fail('there is no flux beside the server, nor on PATH; :checkhealth flux tells more')
    return
  end
  local origin, window = vim.api.nvim_get_current_win(), ended()
  if window then
    vim.api.nvim_set_current_win(window)
    vim.cmd('enew')
  else
    vim.cmd(('botright %dnew'):format(HEIGHT))
  end
  vim.bo.bufhidden = 'hide'
  local words = ('%s run -- %s'):format(vim.fn.shellescape(flux), command)
  vim.fn.jobstart(words, { term = true, env = environment() })
  vim.b.flux_run = true
  vim.cmd('normal! G') -- It follows the output.
  vim.api.nvim_set_current_win(origin)
end

---@param arguments flux.Arguments
function M.run(arguments)
  if arguments.verbatim then
    run(arguments.verbatim)
    return
  end
  vim.ui.input({ prompt = 'flux run -- ', completion = 'shellcmd' }, function(command)
    if command and vim.trim(command) ~= '' then
      run(command)
    end
  end)
end

return M
