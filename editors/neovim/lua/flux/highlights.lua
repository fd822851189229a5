--- The colours: groups linked to what every colour scheme has. Link them elsewhere to change them.

local M = {}

local links = {
  FluxTitle = 'Title',
  FluxHeading = 'Title',
  FluxMethod = 'Keyword',
  FluxOk = 'DiagnosticOk',
  FluxRefused = 'DiagnosticWarn',
  FluxFailed = 'DiagnosticError',
  FluxError = 'DiagnosticError',
  FluxHandled = 'DiagnosticWarn',
  FluxDuration = 'Number',
  FluxId = 'Identifier',
  FluxLocation = 'Directory',
  FluxQuiet = 'Comment',
  FluxBar = 'Special',
  FluxStep = 'Visual',
}

function M.define()
  for name, target in pairs(links) do
    vim.api.nvim_set_hl(0, name, { link = target, default = true })
  end
end

return M
