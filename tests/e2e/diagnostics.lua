-- Opens the files of $WANTED, waits until their lines have a diagnostic, and writes all that there are to $FOUND, with
-- the code lenses of these files.
--
-- $WANTED is JSON: { within = MS, ready = FILE, files = { [path] = { LINE, ... } } }. The file `ready` is written once
-- the server is attached to every file.

local wanted = vim.json.decode(vim.env.WANTED)
local buffers = {}

local function attached()
  for _, buffer in pairs(buffers) do
    local client = vim.lsp.get_clients({ name = 'flux', bufnr = buffer })[1]
    if not (client and client.initialized) then
      return false
    end
  end
  return true
end

local function arrived()
  for path, lines in pairs(wanted.files) do
    local has = {}
    for _, diagnostic in ipairs(vim.diagnostic.get(buffers[path])) do
      has[diagnostic.lnum + 1] = true
    end
    for _, line in ipairs(lines) do
      if not has[line] then
        return false
      end
    end
  end
  return true
end

local function found()
  local all = {}
  for path, buffer in pairs(buffers) do
    all[path] = vim.tbl_map(function(diagnostic)
      return {
        line = diagnostic.lnum + 1,
        first = diagnostic.col,
        last = diagnostic.end_col,
        severity = vim.diagnostic.severity[diagnostic.severity],
        message = diagnostic.message,
        source = diagnostic.source,
        code = diagnostic.code,
      }
    end, vim.diagnostic.get(buffer))
  end
  return all
end

local function lenses()
  local all = {}
  for path, buffer in pairs(buffers) do
    local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
    local answers = vim.lsp.buf_request_sync(buffer, 'textDocument/codeLens', params, 30000) or {}
    local _, answer = next(answers)
    all[path] = vim.tbl_map(function(lens)
      return { line = lens.range.start.line + 1, title = vim.tbl_get(lens, 'command', 'title') }
    end, answer and answer.result or {})
  end
  return all
end

local function main()
  for path in pairs(wanted.files) do
    vim.cmd.edit(vim.fn.fnameescape(path))
    buffers[path] = vim.api.nvim_get_current_buf()
  end
  local is_attached = vim.wait(40000, attached, 10)
  vim.fn.writefile({ vim.json.encode(is_attached) }, wanted.ready)
  vim.wait(wanted.within, arrived, 10)
  vim.fn.writefile({ vim.json.encode({ attached = is_attached, files = found(), lenses = lenses() }) }, vim.env.FOUND)
end

vim.schedule(function()
  local ok, problem = xpcall(main, debug.traceback)
  if not ok then
    io.stderr:write(problem .. '\n')
  end
  vim.cmd(ok and 'qall!' or 'cquit!')
end)
