--- Lets Flux run code of this folder: replays, bisects. Asked once for a folder, and remembered.

local client_of = require('flux.client')
local notice = require('flux.notice')
local trust = require('flux.trust')

---@type flux.Command
return {
  summary = 'let replays and bisects run code of this folder',
  options = { forget = {} },
  run = function(arguments)
    client_of.with(function(client, problem)
      if not client then
        notice.fail(problem or 'the server is not running')
        return
      end
      local folders = vim.tbl_map(function(folder)
        return vim.uri_to_fname(folder.uri)
      end, client.workspace_folders or {})
      if #folders == 0 then
        notice.warn('no folder is open here: what is trusted is a project, with a .git or a pyproject.toml')
      end
      for _, folder in ipairs(folders) do
        if arguments.options.forget then
          trust.set(folder, false)
          notice.info(('%s is not trusted any more'):format(folder))
        elseif trust.is_trusted(folder) then
          trust.tell()
          notice.info(('%s is trusted'):format(folder))
        else
          trust.ask(folder, function()
            notice.info(('%s is trusted. :Flux trust --forget takes it back'):format(folder))
          end)
        end
      end
    end)
  end,
}
