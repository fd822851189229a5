--- From a frame of an answer to the place in the editor.

local notice = require('flux.notice')
local plain = require('flux.plain')

local M = {}

---@class flux.Frame Lines and columns count from 1, columns in code points.
---@field path? string
---@field recorded_path? string
---@field line? integer
---@field recorded_line? integer
---@field column? integer
---@field function? string
---@field anchor? 'exact'|'moved'|'edited'|'gone'|'unmapped'
---@field in_app? boolean
---@field source? string The text of the line.
---@field reason? string Why it is gone or unmapped.
---@field locals? table<string, any>

--- The file of a frame, if there is one that today's text can be shown in.
---@param frame? flux.Frame
---@param roots string[]
---@return string? path Absolute.
function M.file(frame, roots)
  if not frame or not frame.path or frame.anchor == 'gone' or frame.anchor == 'unmapped' then
    return nil
  end
  local path = frame.path --[[@as string]]
  local absolute = path:match('^/') or path:match('^%a:[/\\]')
  for _, candidate in
    ipairs(absolute and { path } or vim.tbl_map(function(root)
      return vim.fs.joinpath(root, path)
    end, roots))
  do
    if vim.fn.filereadable(candidate) == 1 then
      return vim.fs.normalize(candidate)
    end
  end
end

---@param window integer
---@return boolean
function M.holds_text(window)
  return vim.api.nvim_win_get_config(window).relative == ''
    and vim.bo[vim.api.nvim_win_get_buf(window)].buftype == ''
end

--- The window for source text: the current one if it is that, else the last one used, else any.
---@return integer?
function M.source_window()
  local windows = vim.api.nvim_tabpage_list_wins(0)
  table.insert(windows, 1, vim.fn.win_getid(vim.fn.winnr('#')))
  table.insert(windows, 1, vim.api.nvim_get_current_win())
  return vim.iter(windows):find(function(window)
    return window ~= 0 and vim.api.nvim_win_is_valid(window) and M.holds_text(window)
  end)
end

--- Goes to the window for source text, a new one if there is none.
local function enter_source_window()
  local window = M.source_window()
  if window then
    vim.api.nvim_set_current_win(window)
  else
    vim.cmd('aboveleft new')
  end
end

--- Shows a buffer where source text is shown, and goes there.
---@param bufnr integer
---@return boolean shown
function M.show(bufnr)
  enter_source_window()
  vim.bo[bufnr].buflisted = true
  vim.cmd("normal! m'")
  local shown = pcall(vim.api.nvim_win_set_buf, 0, bufnr)
  if not shown then
    notice.warn(('%s cannot be shown in this window'):format(vim.api.nvim_buf_get_name(bufnr)))
  end
  return shown
end

---@param frame? flux.Frame
---@param roots string[]
---@return boolean jumped
function M.jump(frame, roots)
  local path = M.file(frame, roots)
  if not path or not frame then
    return false
  end
  enter_source_window()
  local uri = vim.uri_from_fname(path)
  local bufnr = vim.uri_to_bufnr(uri)
  vim.fn.bufload(bufnr)
  local last = vim.api.nvim_buf_line_count(bufnr)
  local position =
    { line = math.min(frame.line or 1, last) - 1, character = math.max((frame.column or 1) - 1, 0) }
  local shown = pcall(vim.lsp.util.show_document, {
    uri = uri,
    range = { start = position, ['end'] = position },
  }, 'utf-32', { focus = true })
  if not shown then
    notice.warn(('%s cannot be shown in this window'):format(path))
    return false
  end
  if not frame.column then
    vim.cmd('normal! ^')
  end
  return true
end

--- The pieces that name a place.
---@param frame flux.Frame
---@return flux.Piece[]
function M.pieces(frame)
  local name = frame['function']
  return {
    { ('%s:%d'):format(plain.text(frame.path), frame.line), 'FluxLocation' },
    { name and name ~= '' and '  in ' .. plain.text(name) or '', 'FluxQuiet' },
  }
end

--- What to know about how the recorded place and today's code fit together.
---@param frame flux.Frame
---@return string?
function M.anchor_words(frame)
  local recorded = plain.text(('%s line %s'):format(frame.recorded_path, frame.recorded_line))
  local because = frame.reason and ': ' .. plain.text(frame.reason) or ''
  if frame.anchor == 'moved' then
    return 'moved since it was recorded as ' .. recorded
  elseif frame.anchor == 'edited' then
    return 'unverified: the code was edited since; recorded as ' .. recorded
  elseif frame.anchor == 'gone' then
    return ("gone from today's code%s; recorded as %s"):format(because, recorded)
  elseif frame.anchor == 'unmapped' then
    return 'not found in this workspace' .. because
  end
end

--- Why a frame cannot be jumped to, in words.
---@param frame? flux.Frame
---@param reason? string
---@return string
function M.nowhere(frame, reason)
  if not frame then
    return reason or 'there is no location'
  end
  local place = ('%s:%s'):format(
    frame.recorded_path or frame.path or '?',
    frame.recorded_line or frame.line or '?'
  )
  if frame.anchor == 'gone' then
    return place .. ' is gone from the code'
  end
  return ('%s is not a file of this workspace; :Flux doctor tells why'):format(place)
end

return M
