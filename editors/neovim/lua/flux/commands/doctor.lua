--- Why is nothing here: the chain from the application to the editor, and the first broken link's mend.

local client_of = require('flux.client')
local view = require('flux.view')

---@class flux.command.Doctor: flux.Command
local M = {
  summary = 'why is nothing here',
  ids = true,
}

---@param checks { name: string, ok: boolean, detail: string, mend?: string }[]
---@return flux.Line[]
local function render(checks)
  local lines, broken = {}, false
  for _, check in ipairs(checks) do
    local mark = check.ok and '✔ ' or '✘ '
    local group = check.ok and 'FluxOk' or (broken and 'FluxRefused' or 'FluxFailed')
    lines[#lines + 1] = view.line(
      { '  ' },
      { mark, group },
      { view.fit(check.name, 14), not check.ok and group or nil },
      { '  ' .. (check.detail or '') }
    )
    if not check.ok and check.mend then
      for text in vim.gsplit(check.mend, '\r?\n') do
        lines[#lines + 1] = view.line({ (' '):rep(20) }, { text, broken and 'FluxQuiet' or 'FluxHeading' })
      end
    end
    broken = broken or not check.ok
  end
  return lines
end

function M.run(arguments)
  local id = arguments.ids[1]
  client_of.command('doctor', { id = id }, function(answer)
    view.show(
      { name = id and ('request/%s/doctor'):format(id) or 'doctor', filetype = 'flux-doctor', wrap = 20 },
      render(answer.checks or {}),
      {
        {
          lhs = 'r',
          plug = 'again',
          hint = 'look again',
          desc = 'look again',
          run = function()
            M.run(arguments)
          end,
        },
      }
    )
  end)
end

return M
