--- A window with source text that follows what another window is about: one line is marked, and no window is opened.

local location = require('flux.location')

local M = {}

local namespace = vim.api.nvim_create_namespace('flux.follow')

---@type { window?: integer, bufnr?: integer }
local marked = {}

--- Takes the mark away.
function M.clear()
  if marked.bufnr and vim.api.nvim_buf_is_valid(marked.bufnr) then
    vim.api.nvim_buf_clear_namespace(marked.bufnr, namespace, 0, -1)
  end
  marked.bufnr = nil
end

--- The window that followed until now, as long as it may; else the one for source text in this tab page.
---@return integer?
local function window_for_source()
  local window = marked.window
  if
    window
    and vim.api.nvim_win_is_valid(window)
    and vim.api.nvim_win_get_tabpage(window) == vim.api.nvim_get_current_tabpage()
    and location.holds_text(window)
  then
    return window
  end
  return location.source_window()
end

---@param window integer
---@param path string
---@return integer? bufnr
local function put(window, path)
  local bufnr = vim.fn.bufadd(path)
  if vim.api.nvim_win_get_buf(window) == bufnr then
    return bufnr
  end
  vim.bo[bufnr].buflisted = true
  vim.api.nvim_win_call(window, function()
    vim.cmd("normal! m'")
  end)
  -- A window may be tied to its buffer, and a buffer to its window.
  local shown = pcall(vim.api.nvim_win_set_buf, window, bufnr)
  return shown and vim.api.nvim_win_get_buf(window) == bufnr and bufnr or nil
end

--- Shows the line of a frame where source text is shown already, and marks it.
---@param frame? flux.Frame
---@param roots string[]
---@return boolean shown
function M.show(frame, roots)
  M.clear()
  local path = location.file(frame, roots)
  local window = path and window_for_source()
  if not path or not frame or not window then
    return false
  end
  local bufnr = put(window, path)
  if not bufnr then
    return false
  end
  marked = { window = window, bufnr = bufnr }
  local line = math.min(frame.line or 1, vim.api.nvim_buf_line_count(bufnr))
  local unsure = frame.anchor == 'edited'
  vim.api.nvim_buf_set_extmark(bufnr, namespace, line - 1, 0, {
    line_hl_group = 'FluxStep',
    virt_text = unsure and { { '  unverified: the code was edited since', 'FluxHandled' } } or nil,
    virt_text_pos = 'eol',
    priority = 120,
  })
  vim.api.nvim_win_call(window, function()
    local seen = line >= vim.fn.line('w0') and line <= vim.fn.line('w$')
    vim.api.nvim_win_set_cursor(window, { line, 0 })
    vim.cmd('normal! ^zv' .. (seen and '' or 'zz'))
  end)
  return true
end

return M
