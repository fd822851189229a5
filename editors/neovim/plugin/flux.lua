-- What Neovim runs at start: the command, the <Plug> mappings, and the server's switch. Loads nothing of `flux` but the
-- names of the commands.

if vim.g.loaded_flux then
  return
end
vim.g.loaded_flux = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify_once('flux: Neovim 0.11 or newer is needed', vim.log.levels.WARN)
  return
end

vim.api.nvim_create_user_command('Flux', function(invocation)
  require('flux.commands').run(invocation)
end, {
  nargs = '*',
  bar = true,
  desc = 'Flux: what failed, where and why',
  complete = function(lead, line, position)
    return require('flux.commands').complete(lead, line, position)
  end,
})

for _, name in ipairs(require('flux.names')) do
  vim.keymap.set('n', ('<Plug>(flux-%s)'):format(name), ('<Cmd>Flux %s<CR>'):format(name), {
    desc = 'Flux: ' .. name,
  })
end

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('flux.attach', {}),
  desc = 'Flux: show hints and lenses where its server is attached',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'flux' then
      require('flux.attach').attach(client, event.buf)
    end
  end,
})

vim.api.nvim_create_autocmd('FileType', {
  group = vim.api.nvim_create_augroup('flux.nearby', {}),
  pattern = 'python',
  once = true,
  desc = 'Flux: say where its server is when it is not found',
  callback = function()
    vim.schedule(function()
      require('flux.nearby').tell()
    end)
  end,
})

local function enable()
  local settings = vim.g.flux
  if not (type(settings) == 'table' and settings.enable == false) then
    vim.lsp.enable('flux')
  end
end

if vim.v.vim_did_enter == 0 then
  enable()
else
  -- Now it would start servers at once, and who loads a plugin late gives it its options right after.
  vim.schedule(enable)
end
