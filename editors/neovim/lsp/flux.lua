-- The language server, as |lsp-config| reads it; `vim.lsp.config('flux', { … })` refines it.

local config = require('flux.config').get()

---@type vim.lsp.Config
return {
  cmd = config.cmd,
  filetypes = {
    'python',
    'javascript',
    'javascriptreact',
    'typescript',
    'typescriptreact',
    'go',
    'java',
  },
  -- The checkout before a project in it, as the terminal has it: paths are shown below the same folder in both.
  root_markers = { '.git', 'pyproject.toml', 'package.json', 'go.mod' },
  settings = { flux = config.settings },
  init_options = config.settings,
  before_init = function(params)
    local trusted = require('flux.trust').all_trusted(params.workspaceFolders)
    local options = params.initializationOptions --[[@as table]]
    params.initializationOptions = vim.tbl_extend('force', options or {}, { workspaceTrusted = trusted })
  end,
  capabilities = vim.tbl_extend('error', require('flux.lenses').capabilities(), {
    -- Answers of commands as text: what Neovim decodes forgets null.
    experimental = { flux = { json = true } },
  }),
  commands = require('flux.commands').client_side(),
  handlers = {
    ['flux/tail'] = function(_, params, context)
      require('flux.stream').on_tail(params, context.client_id)
    end,
    ['flux/status'] = function(_, params, context)
      require('flux.stream').on_status(params, context.client_id)
    end,
    ['workspace/codeLens/refresh'] = require('flux.lenses').refresh_handler(),
  },
  on_exit = function(code, signal, client_id)
    local client = vim.lsp.get_client_by_id(client_id)
    local ready = client ~= nil and client.initialized == true
    vim.schedule(function()
      require('flux.stream').on_exit(client_id)
      require('flux.revival').on_exit(client_id, code, signal, ready)
    end)
  end,
}
