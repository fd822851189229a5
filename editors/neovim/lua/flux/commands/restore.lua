--- Shows a dismissed issue group again.

local client_of = require('flux.client')
local finding = require('flux.finding')
local notice = require('flux.notice')

---@type flux.Command
return {
  summary = 'show a dismissed failure again',
  ids = true,
  run = function(arguments)
    local id = arguments.ids[1]
    if not id then
      notice.warn('which one? :Flux errors --all lists the dismissed too, each with a request id')
      return
    end
    finding.group(id, nil, function(fingerprint)
      client_of.command('restore', { fingerprint = fingerprint }, function()
        notice.info('restored')
      end)
    end)
  end,
}
