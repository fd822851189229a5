--- What the servers say of themselves, and how that looks in a status line.

local M = {}

---@class flux.Status What the server tells of itself; fields that nothing here reads are left out.
---@field collector { state: 'off'|'starting'|'running'|'failed', http_port?: integer }
---@field failing integer Issues that fail now.
---@field broken? { name: string, detail: string } The first link that is broken, by its name in `:Flux doctor`.

---@type table<integer, flux.Status> By client.
local statuses = {}

---@type string? Why there is no server although there was one.
local gone

local FAILING, WELL, WAITING, BROKEN = '✗', '✓', '…', '⚠'

-- What is broken, in as few words as a status line has room for.
local SHORT = {
  collector = 'no collector',
  port = 'port taken',
  store = 'no store',
  exporter = 'no exporter',
  exceptions = 'no place',
  paths = 'no place',
}

local function changed()
  vim.cmd.redrawstatus({ bang = true })
  vim.api.nvim_exec_autocmds('User', { pattern = 'FluxStatus', modeline = false })
end

---@param client_id integer
---@param status? flux.Status nil when the server has ended.
function M.put(client_id, status)
  statuses[client_id] = status
  if status then
    gone = nil
  end
  changed()
end

--- The server died, and what is done about it; nil when one runs again.
---@param words? string
function M.mourn(words)
  gone = words
  changed()
end

---@param client_id integer
---@return flux.Status?
function M.of(client_id)
  return statuses[client_id]
end

--- The status of the server that is responsible for a buffer, else of any.
---@param bufnr integer
---@return flux.Status?
local function responsible(bufnr)
  for client_id, status in pairs(statuses) do
    if vim.lsp.buf_is_attached(bufnr, client_id) then
      return status
    end
  end
  return (select(2, next(statuses)))
end

--- `flux 3✗`, `flux ✓`, `flux ⚠ no collector`; nothing where there is no server.
---@return string
function M.words()
  local status = responsible(vim.api.nvim_get_current_buf())
  if not status then
    return gone and ('flux %s %s'):format(BROKEN, gone) or ''
  end
  local broken, words = status.broken, { 'flux' }
  if status.failing > 0 then
    words[#words + 1] = ('%d%s'):format(status.failing, FAILING)
  end
  if broken and broken.name == 'spans' then
    words[#words + 1] = WAITING -- Nothing ever came: no trouble, and no praise either.
  elseif broken then
    words[#words + 1] = ('%s %s'):format(BROKEN, SHORT[broken.name] or broken.name)
  elseif status.failing == 0 then
    words[#words + 1] = WELL
  end
  return table.concat(words, ' ')
end

return M
