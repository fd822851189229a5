--- `:checkhealth flux`: is everything in place, and if not, what is the first thing to mend.

local client_of = require('flux.client')
local config_of = require('flux.config')

local M = {}

local health = vim.health

local function check_editor()
  health.start('Neovim')
  local version = 'Neovim ' .. tostring(vim.version()) ---@diagnostic disable-line: call-non-callable
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok(version)
  else
    health.error(version .. ' is too old', { 'Install 0.11 or newer' })
  end
end

---@return flux.Config
local function check_settings()
  health.start('Settings')
  local config, problems = config_of.read()
  if #problems == 0 then
    health.ok(
      vim.g.flux == nil and 'vim.g.flux is not set: everything is at its default'
        or 'vim.g.flux is understood'
    )
  end
  for _, problem in ipairs(problems) do
    health.warn(problem, { ':help flux-settings lists what there is' })
  end
  if config.enable then
    health.ok('the server is started for the files that it understands')
  else
    health.info('vim.g.flux.enable is false: the server starts only with a :Flux command')
  end
  return config
end

---@return boolean usable
local function check_executable()
  health.start('Server')
  local cmd = (client_of.config() or {}).cmd
  if type(cmd) ~= 'table' then
    health.info('the command of the server is a function of your own')
    return true
  end
  local path = vim.fn.exepath(cmd[1])
  if path == '' then
    local nearby = require('flux.nearby').server()
    local mend = 'pip install flux-ls   (into the environment of your application)'
    if nearby then
      mend = 'This project has one. Activate its environment before Neovim starts, or: '
        .. ("vim.g.flux = { cmd = { '%s' } }"):format(nearby)
    end
    health.error(('%s is not executable, so nothing can be shown'):format(cmd[1]), {
      mend,
      "Or say where it is: vim.g.flux = { cmd = { '/path/to/flux-ls' } }",
    })
    return false
  end
  local command = vim.list_extend({ path }, vim.list_slice(cmd, 2))
  local ok, asked =
    pcall(vim.system, vim.list_extend(command, { '--version' }), { text = true, timeout = 10000 })
  local answer = ok and asked:wait() or { code = -1, stderr = tostring(asked) }
  if answer.code ~= 0 then
    health.error(('%s --version fails: %s'):format(path, vim.trim(answer.stderr or '')), {
      'Reinstall it: pip install --force-reinstall flux-ls',
    })
    return false
  end
  health.ok(('%s (%s)'):format(path, vim.trim(answer.stdout or '')))
  return true
end

--- The server to ask, started for the occasion when none runs.
---@return vim.lsp.Client?
local function check_attached()
  local clients = vim.lsp.get_clients({ name = 'flux' })
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    local version = client.server_info and client.server_info.version
    health.ok(
      ('running%s for %s, attached to %d buffer%s'):format(
        version and ' ' .. version or '',
        client.root_dir and vim.fn.fnamemodify(client.root_dir, ':~') or 'single files',
        buffers,
        buffers == 1 and '' or 's'
      )
    )
  end
  if #clients == 0 then
    health.info(
      'not running yet: it starts when a file that it understands is opened. Started now, to ask it'
    )
  end
  local ready, problem
  client_of.with(function(client, reason)
    ready, problem = client, reason
  end)
  vim.wait(15000, function()
    return ready ~= nil or problem ~= nil
  end, 20)
  if not ready then
    health.error((problem or 'the server does not answer'):gsub('; :checkhealth.*', ''), {
      ('Its log: %s'):format(client_of.log()),
      ':Flux restart',
    })
  end
  return ready
end

local function check_chain()
  health.start('From your application to the screen')
  local answer, problem = client_of.command_now('doctor', {}, 15000)
  if not answer then
    health.error(problem or 'the server does not answer', { ':Flux restart' })
    return
  end
  local broken = false
  for _, check in ipairs(answer.checks or {}) do
    local words = ('%s: %s'):format(check.name, check.detail)
    if check.ok then
      health.ok(words)
    elseif broken then
      health.warn(words, check.mend and vim.split(check.mend, '\r?\n') or {})
    else
      broken = true
      health.error(words, check.mend and vim.split(check.mend, '\r?\n') or {})
    end
  end
end

function M.check()
  check_editor()
  check_settings()
  if check_executable() and check_attached() then
    check_chain()
  end
end

return M
