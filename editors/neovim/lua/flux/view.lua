--- Flux's own windows: scratch buffers with a few keys, each key a <Plug> mapping that users can move.

local plain = require('flux.plain')

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
---@field wrap? integer Long lines go on below, by words, so many cells in.

---@class flux.Key
---@field lhs string
---@field others? string[] Keys that do the same.
---@field plug string The name inside `<Plug>(flux-…)`.
---@field hint string One word for the bar above the window.
---@field desc string
---@field run fun()

M.namespace = vim.api.nvim_create_namespace('flux.view')

--- A line put together from pieces, each with its highlight group or none.
---@param ... flux.Piece?
---@return flux.Line
function M.line(...)
  local text, spans = '', {}
  for _, piece in ipairs({ ... }) do ---@cast piece flux.Piece
    local words = plain.text(piece[1])
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
  text = plain.cut(plain.text(text), cells)
  return text .. (' '):rep(cells - vim.api.nvim_strwidth(text))
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
  -- Marks would outlive the lines that they are on.
  vim.api.nvim_buf_clear_namespace(bufnr, M.namespace, first, last)
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

local FLOAT_CELLS = 100

--- How wide a view is that opens now.
---@return integer cells
function M.width()
  local kind = require('flux.config').get().view
  if kind == 'float' then
    return math.min(FLOAT_CELLS, vim.o.columns - 8)
  end
  return kind == 'vsplit' and math.floor(vim.o.columns / 2) or vim.o.columns
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
    local width = M.width()
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
---@param more? integer Lines that are to come.
function M.fit_height(window, more)
  local config = vim.api.nvim_win_get_config(window)
  local full = vim.o.lines - vim.o.cmdheight - 2
  if config.relative ~= '' or vim.api.nvim_win_get_height(window) >= full - 1 then
    return
  end
  -- One for the bar above.
  local lines = vim.api.nvim_win_text_height(window, {}).all + 1 + (more or 0)
  vim.api.nvim_win_set_height(window, math.max(4, math.min(lines, math.floor(full / 2))))
end

--- The buffer of a view.
---@param name string
---@return integer? bufnr
function M.find(name)
  return vim.iter(vim.api.nvim_list_bufs()):find(function(candidate)
    return vim.api.nvim_buf_get_name(candidate) == 'flux://' .. name
  end)
end

--- A buffer for a view, in no window yet.
---@param name string
---@return integer bufnr
function M.scratch(name)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, 'flux://' .. name)
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].undolevels = -1
  return bufnr
end

--- Takes from a window what belongs to source text.
---@param window integer
---@param wrap? integer How far in long lines go on.
function M.dress(window, wrap)
  for option, value in pairs({
    number = false,
    relativenumber = false,
    signcolumn = 'no',
    foldcolumn = '0',
    colorcolumn = '',
    cursorline = true,
    list = false,
    spell = false,
    wrap = wrap ~= nil,
    linebreak = wrap ~= nil,
    breakindent = wrap ~= nil,
    breakindentopt = wrap and ('shift:%d'):format(wrap) or '',
  }) do
    vim.wo[window][0][option] = value
  end
end

--- Opens the view of this name, or goes to it.
---@param options flux.ViewOptions
---@return integer bufnr
---@return integer window
---@return boolean fresh Whether its buffer is new.
function M.open(options)
  require('flux.highlights').define()
  local bufnr = M.find(options.name)
  local fresh = not bufnr
  bufnr = bufnr or M.scratch(options.name)
  local window = show(bufnr, options)
  if fresh then
    vim.bo[bufnr].filetype = options.filetype
  end
  M.dress(window, options.wrap)
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
  M.fit_height(window)
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

--- Gives the keys their meaning, `q` to close included, and maps them unless the user has keys of their own for them.
---@param bufnr integer
---@param keys flux.Key[]
---@return string hints The keys, for the right of a 'winbar'.
function M.keys(bufnr, keys)
  local all = vim.list_extend({}, keys)
  local closes = vim.iter(keys):any(function(key)
    return key.plug == 'close'
  end)
  if not closes then
    all[#all + 1] = { lhs = 'q', plug = 'close', hint = 'close', desc = 'close this window', run = M.close }
  end
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
      for _, lhs in ipairs({ key.lhs, unpack(key.others or {}) }) do
        vim.keymap.set('n', lhs, plug, options)
      end
      hints[#hints + 1] = ('%s %s'):format(key.lhs, key.hint)
    end
  end
  -- Where there is no room for both, keys give way to what stands before them.
  return #hints == 0 and '' or ('%%<%%=%%#FluxQuiet#%s '):format(table.concat(hints, '  '))
end

return M
