--- Code lenses: kept fresh as text and telemetry change. Neovim 0.12 does that itself; 0.11 is helped here.

local M = {}

local group = vim.api.nvim_create_augroup('flux.lenses', {})

---@type table<integer, true> Buffers whose refresh is already on its way.
local waiting = {}

---@return boolean
local function built_in()
  return vim.fn.has('nvim-0.12') == 1
end

---@param bufnr integer
local function request(bufnr)
  if not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  local params = { textDocument = vim.lsp.util.make_text_document_params(bufnr) }
  for _, client in ipairs(vim.lsp.get_clients({ name = 'flux', bufnr = bufnr })) do
    client:request('textDocument/codeLens', params, function(err, result, context)
      if err or not vim.api.nvim_buf_is_loaded(bufnr) then
        return
      end
      if context.version ~= vim.lsp.util.buf_versions[bufnr] then
        M.refresh(bufnr) -- Typed over meanwhile: lenses of the old text would land on wrong lines.
        return
      end
      vim.lsp.codelens.on_codelens(nil, result, context)
    end, bufnr)
  end
end

--- Asks for the buffer's lenses anew, once for all calls that come close together.
---@param bufnr integer
function M.refresh(bufnr)
  if built_in() or waiting[bufnr] then
    return
  end
  waiting[bufnr] = true
  vim.defer_fn(function()
    waiting[bufnr] = nil
    request(bufnr)
  end, 50)
end

---@param bufnr integer
function M.attach(bufnr)
  if not require('flux.config').get().lenses then
    return
  end
  if built_in() then
    -- Of a client alone it would not be taken back when that ends.
    vim.lsp.codelens.enable(true, { bufnr = bufnr }) ---@diagnostic disable-line: undefined-field
    return
  end
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged' }, {
    group = group,
    buffer = bufnr,
    desc = 'Flux: refresh code lenses',
    callback = function(event)
      M.refresh(event.buf)
    end,
  })
  M.refresh(bufnr)
end

--- Takes the lenses off a buffer that is not the client's any more.
---@param client vim.lsp.Client
---@param bufnr integer
function M.clear(client, bufnr)
  if not built_in() then
    vim.lsp.codelens.clear(client.id, bufnr)
  end
end

--- What Neovim 0.11 does not tell a server by itself although it is true here.
---@return lsp.ClientCapabilities
function M.capabilities()
  if built_in() then
    return {}
  end
  return { workspace = { codeLens = { refreshSupport = true } } }
end

local REFRESH = 'workspace/codeLens/refresh'

--- Neovim 0.12 answers by itself, but up to 0.12.2 not any more once the text was changed: it takes the timer that was
--- started then for a request on its way.
---@param err? lsp.ResponseError
---@param result any
---@param context lsp.HandlerContext
---@return any
local function refresh_in_spite_of_timer(err, result, context)
  local client = vim.lsp.get_client_by_id(context.client_id)
  for bufnr in pairs(client and client.attached_buffers or {}) do
    local provider = vim.tbl_get(vim.lsp, '_capability', 'all', 'codelens', 'active', bufnr)
    if provider then
      provider.timer = nil
    end
  end
  return vim.lsp.handlers[REFRESH](err, result, context)
end

--- Answers `workspace/codeLens/refresh`; nil where Neovim has an answer of its own that will do.
---@return lsp.Handler?
function M.refresh_handler()
  if vim.fn.has('nvim-0.13') == 1 then
    return nil
  elseif built_in() then
    return refresh_in_spite_of_timer
  end
  return function(_, _, context)
    local client = vim.lsp.get_client_by_id(context.client_id)
    if client and require('flux.config').get().lenses then
      for bufnr in pairs(client.attached_buffers) do
        M.refresh(bufnr)
      end
    end
    return vim.NIL
  end
end

return M
