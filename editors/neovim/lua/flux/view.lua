--- Flux's own windows: scratch buffers with a few keys, each key a <Plug> mapping that users can move.

local M = {}

---@class flux.Span Part of a line and how it is shown, in bytes, end exclusive.
---@field [1] integer start
---@field [2] integer end
---@field [3] string highlight group

---@class flux.Line
---@field text string
---@field spans? flux.Span[]

---@class flux.Piece Words, and the highlight group that they are shown in.
---@field [1] string
---@field [2]? string

---@class flux.ViewOptions
---@field name string What follows `flux://` in the buffer's name.
---@field filetype string
---@field window? 'split'|'vsplit'|'float'|'tab'
---@field height? integer
---@field wrap? boolean Long lines go on below, by words.

---@class flux.Key
---@field lhs string
---@field plug string The name inside `<Plug>(flux-…)`.
---@field hint string One word for the bar above the window.
---@field desc string
---@field run fun()

M.namespace = vim.api.nvim_create_namespace('flux.view')

--- Recorded text made fit for one line of a buffer.
---@param text any
---@return string
function M.one_line(text)
  return (tostring(text == nil and '' or text):gsub('[%z\1-\31\127]+', ' '))
end

--- A line put together from pieces, each with its highlight group or none.
---@param ... flux.Piece
---@return flux.Line
function M.line(...)
  local text, spans = '', {}
  for _, piece in ipairs({ ... }) do
    local words = M.one_line(piece[1])
    if piece[2] and #words > 0 then
      spans[#spans + 1] = { #text, #text + #words, piece[2] }
    end
    text = text .. words
  end
  return { text = text, spans = spans }
end

--- Cut to so many screen cells, and padded to them.
---@param text string
---@param cells integer
---@return string
function M.fit(text, cells)
  text = M.one_line(text)
  if vim.fn.strdisplaywidth(text) > cells then
    local kept = vim.fn.strchars(text)
    while kept > 0 and vim.fn.strdisplaywidth(vim.fn.strcharpart(text, 0, kept)) > cells - 1 do
      kept = kept - 1
    end
    text = vim.fn.strcharpart(text, 0, kept) .. '…'
  end
  return text .. (' '):rep(cells - vim.fn.strdisplaywidth(text))
end

---@param bufnr integer
---@param first integer 0-based; -1 appends.
---@param last integer
---@param lines flux.Line[]
function M.write(bufnr, first, last, lines)
  local texts = vim.tbl_map(function(line)
    return line.text
  end, lines)
  vim.bo[bufnr].modifiable = true
  if first < 0 then
    first = vim.api.nvim_buf_line_count(bufnr) + 1 + first
  end
  vim.api.nvim_buf_set_lines(bufnr, first, last, false, texts)
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
  for offset, line in ipairs(lines) do
    for _, span in ipairs(line.spans or {}) do
      vim.api.nvim_buf_set_extmark(bufnr, M.namespace, first + offset - 1, span[1], {
        end_col = span[2],
        hl_group = span[3],
      })
    end
  end
end

---@param bufnr integer
---@param options flux.ViewOptions
---@return integer window
local function show(bufnr, options)
  local shown = vim.fn.win_findbuf(bufnr)[1]
  if shown then
    vim.api.nvim_set_current_win(shown)
    return shown
  end
  local kind = options.window or require('flux.config').get().view
  if kind == 'float' then
    local width = math.min(100, vim.o.columns - 8)
    local height = math.min(30, vim.o.lines - 6)
    return vim.api.nvim_open_win(bufnr, true, {
      relative = 'editor',
      width = width,
      height = height,
      row = math.floor((vim.o.lines - height) / 2) - 1,
      col = math.floor((vim.o.columns - width) / 2),
      border = 'rounded',
      title = (' %s '):format(options.name),
    })
  elseif kind == 'tab' then
    vim.cmd('tab split')
  elseif kind == 'vsplit' then
    vim.cmd('botright vsplit')
  else
    vim.cmd('botright split')
  end
  vim.api.nvim_win_set_buf(0, bufnr)
  return vim.api.nvim_get_current_win()
end

--- Makes a split as high as its text asks for, within half of the screen.
---@param window integer
---@param lines integer
local function fit_height(window, lines)
  local config = vim.api.nvim_win_get_config(window)
  local full = vim.o.lines - vim.o.cmdheight - 2
  if config.relative ~= '' or vim.api.nvim_win_get_height(window) >= full - 1 then
    return
  end
  vim.api.nvim_win_set_height(window, math.max(4, math.min(lines, math.floor(full / 2))))
end

--- Opens the view of this name, or goes to it.
---@param options flux.ViewOptions
---@return integer bufnr
---@return integer window
---@return boolean fresh Whether its buffer is new.
function M.open(options)
  require('flux.highlights').define()
  local name = 'flux://' .. options.name
  local bufnr = vim.iter(vim.api.nvim_list_bufs()):find(function(candidate)
    return vim.api.nvim_buf_get_name(candidate) == name
  end)
  local fresh = not bufnr
  if not bufnr then
    bufnr = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.bo[bufnr].bufhidden = 'wipe'
    vim.bo[bufnr].modifiable = false
    vim.bo[bufnr].undolevels = -1
  end
  local window = show(bufnr, options)
  if fresh then
    vim.bo[bufnr].filetype = options.filetype
  end
  for option, value in pairs({
    number = false,
    relativenumber = false,
    signcolumn = 'no',
    foldcolumn = '0',
    cursorline = true,
    list = false,
    spell = false,
    wrap = options.wrap == true,
    linebreak = options.wrap == true,
    breakindent = options.wrap == true,
    breakindentopt = options.wrap and 'shift:20' or '',
  }) do
    vim.wo[window][0][option] = value
  end
  if options.height and (options.window or '') == 'split' then
    vim.api.nvim_win_set_height(window, options.height)
    vim.wo[window][0].winfixheight = true
  end
  return bufnr, window, fresh
end

--- Opens a view that is written once, and puts its text in.
---@param options flux.ViewOptions
---@param lines flux.Line[]
---@param keys flux.Key[]
---@return integer bufnr
function M.show(options, lines, keys)
  local bufnr, window = M.open(options)
  M.write(bufnr, 0, -1, lines)
  vim.api.nvim_win_set_cursor(window, { 1, 0 })
  vim.wo[window][0].winbar = M.keys(bufnr, keys)
  fit_height(window, #lines + 1)
  return bufnr
end

--- Leaves a view: its window closes unless it is the last one.
function M.close()
  if #vim.api.nvim_tabpage_list_wins(0) > 1 or #vim.api.nvim_list_tabpages() > 1 then
    vim.api.nvim_win_close(0, false)
  else
    vim.cmd('enew')
  end
end

--- Leaves a float, so that what a key opens does not open behind it. Other views stay.
function M.step_aside()
  if vim.api.nvim_win_get_config(0).relative ~= '' then
    vim.api.nvim_win_close(0, false)
  end
end

--- Gives the keys their meaning, `q` included, and maps them unless the user has keys of their own for them.
---@param bufnr integer
---@param keys flux.Key[]
---@return string hints The keys, for the right of a 'winbar'.
function M.keys(bufnr, keys)
  local all = vim.list_extend({}, keys)
  all[#all + 1] = { lhs = 'q', plug = 'close', hint = 'close', desc = 'close this window', run = M.close }
  for _, key in ipairs(all) do
    local plug = ('<Plug>(flux-%s)'):format(key.plug)
    vim.keymap.set('n', plug, key.run, { buffer = bufnr, desc = 'Flux: ' .. key.desc })
  end
  if not vim.b[bufnr].flux_hints then
    vim.b[bufnr].flux_hints = M.default_keys(bufnr, all)
  end
  return vim.b[bufnr].flux_hints
end

---@param bufnr integer
---@param keys flux.Key[]
---@return string hints
function M.default_keys(bufnr, keys)
  if not require('flux.config').get().default_mappings then
    return ''
  end
  local hints = {}
  for _, key in ipairs(keys) do
    local plug = ('<Plug>(flux-%s)'):format(key.plug)
    if vim.fn.hasmapto(plug, 'n') == 0 then
      local options = { buffer = bufnr, remap = true, nowait = true, desc = 'Flux: ' .. key.desc }
      vim.keymap.set('n', key.lhs, plug, options)
      hints[#hints + 1] = ('%s %s'):format(key.lhs, key.hint)
    end
  end
  return #hints == 0 and '' or ('%%=%%#FluxQuiet#%s '):format(table.concat(hints, '  '))
end

return M
