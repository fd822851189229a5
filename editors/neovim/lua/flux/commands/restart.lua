--- Starts the server anew: after an upgrade of flux-ls, or when it died.

local notice = require('flux.notice')

local PATIENCE_MS = 5000

--- Ends what is running, by force when it does not go by itself, and calls back when it is gone.
---@param clients vim.lsp.Client[]
---@param callback fun()
local function stop(clients, callback)
  for _, client in ipairs(clients) do
    require('flux.revival').expect(client.id)
    client:stop()
  end
  local deadline = vim.uv.now() + PATIENCE_MS ---@type number
  local function look()
    local left = vim.tbl_filter(function(client)
      return vim.lsp.get_client_by_id(client.id) ~= nil
    end, clients)
    if #left == 0 then
      callback()
      return
    end
    if vim.uv.now() > deadline then
      deadline = math.huge
      for _, client in ipairs(left) do
        client:stop(true)
      end
    end
    vim.defer_fn(look, 20)
  end
  look()
end

---@type flux.Command
return {
  summary = 'start the server anew',
  run = function()
    local enabled = vim.lsp.is_enabled('flux')
    require('flux.revival').forget()
    stop(vim.lsp.get_clients({ name = 'flux', _uninitialized = true }), function()
      if enabled then
        vim.lsp.enable('flux', false)
        vim.lsp.enable('flux', true)
      end
      require('flux.client').with(function(client, problem)
        if client then
          notice.info('the server is running')
        else
          notice.fail(problem or 'the server is not running')
        end
      end)
    end)
  end,
}
