--- Takes an issue group off the screen until it is restored.

local client_of = require('flux.client')
local finding = require('flux.finding')
local notice = require('flux.notice')

---@type flux.Command
return {
  summary = 'stop showing this failure',
  ids = true,
  run = function(arguments)
    finding.choose(arguments.ids, function(id, found)
      finding.group(id, found, function(fingerprint)
        client_of.command('dismiss', { fingerprint = fingerprint }, function()
          notice.info(('dismissed. :Flux restore %s brings it back'):format(id:sub(1, 8)))
        end)
      end)
    end, function(found)
      return found.named -- The next one on its line shows then.
    end)
  end,
}
