--- The requests of a tail on the screen, the oldest first: written in few turns, corrected, forgotten.

local phrases = require('flux.phrases')
local request_of = require('flux.request')
local view = require('flux.view')

local M = {}

local PATH_CELLS = { 20, 44 }
-- What stands in a line besides the path: ids are there to be copied.
local BESIDE_PATH = 38

---@class flux.TailScreen
---@field bufnr integer
---@field path_cells integer Wide enough for the paths so far.
---@field room integer How wide that may be.
---@field order string[] Ids on the screen, the oldest first.
---@field shown table<string, { request: flux.Request, height: integer }> By id; height in lines.
---@field brought integer How many older ones were asked for: they have room beyond the limit.

---@param bufnr integer
---@return flux.TailScreen
function M.new(bufnr)
  local cells, room = PATH_CELLS[1], PATH_CELLS[2]
  return { bufnr = bufnr, path_cells = cells, room = room, order = {}, shown = {}, brought = 0 }
end

--- How much room there is for paths, by the narrowest window.
---@param screen flux.TailScreen
local function measure(screen)
  local room = PATH_CELLS[2]
  for _, window in ipairs(vim.fn.win_findbuf(screen.bufnr)) do
    room = math.min(room, vim.api.nvim_win_get_width(window) - BESIDE_PATH)
  end
  screen.room = math.max(room, PATH_CELLS[1])
  screen.path_cells = math.min(screen.path_cells, screen.room)
end

---@param screen flux.TailScreen
---@param request flux.Request
---@return flux.Line[]
local function render(screen, request)
  local group = request_of.group(request)
  local kind, name = request_of.what(request)
  local cells = math.max(PATH_CELLS[1], math.min(vim.fn.strdisplaywidth(name), screen.room))
  screen.path_cells = math.max(screen.path_cells, cells)
  ---@type flux.Line[]
  local lines = {
    view.line(
      { '  ' },
      { view.fit(kind, 7) .. ' ', 'FluxMethod' },
      { view.fit(name, screen.path_cells), group ~= 'FluxOk' and group or nil },
      { '  ' .. view.fit(request_of.outcome(request), 4), group },
      { ('%8s'):format(phrases.latency(request.duration_ms)), 'FluxDuration' },
      { '  req:' .. request.short_id, 'FluxId' },
      { request.complete and '' or '  incomplete', 'FluxQuiet' }
    ),
  }
  if request.failed and request.error then
    lines[2] = view.line({ '   └─ ', 'FluxQuiet' }, { request.error, 'FluxError' })
  end
  return lines
end

--- The request whose lines hold a row, or the row where a request's lines start.
---@param screen flux.TailScreen
---@param wanted string|integer An id, or a row counting from 0.
---@return string? id
---@return integer row Where the lines of `id` start.
local function find(screen, wanted)
  local row = 0
  for _, id in ipairs(screen.order) do
    local below = row + screen.shown[id].height
    if id == wanted or (type(wanted) == 'number' and wanted < below) then
      return id, row
    end
    row = below
  end
  return nil, row
end

--- The lines of a request, which are on the screen from now on.
---@param screen flux.TailScreen
---@param request flux.Request
---@return flux.Line[]
local function drawn(screen, request)
  local lines = render(screen, request)
  screen.shown[request.id] = { request = request, height = #lines }
  return lines
end

--- Lines of requests that are new to the screen go to its end, all in one write.
---@param screen flux.TailScreen
---@param lines flux.Line[]
local function append(screen, lines)
  if #lines > 0 then
    local empty = #screen.order == 0
    view.write(screen.bufnr, empty and 0 or -1, -1, lines)
  end
end

---@param screen flux.TailScreen
local function forget_oldest(screen)
  local surplus = #screen.order - require('flux.config').get().tail.limit - screen.brought
  if surplus <= 0 then
    return
  end
  local height = 0
  for position = 1, surplus do
    local id = screen.order[position]
    height = height + screen.shown[id].height
    screen.shown[id] = nil
  end
  screen.order = vim.list_slice(screen.order, surplus + 1)
  view.write(screen.bufnr, 0, height, {})
end

--- Writes what has come in, corrects what is on the screen already, and forgets the oldest.
---@param screen flux.TailScreen
---@param requests flux.Request[]
function M.put(screen, requests)
  local following = vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_cursor(window)[1] == vim.api.nvim_buf_line_count(screen.bufnr)
  end, vim.fn.win_findbuf(screen.bufnr))
  measure(screen)
  local news, lines = {}, {}
  for _, request in ipairs(requests) do
    local known = screen.shown[request.id]
    if known then
      local _, row = find(screen, request.id)
      view.write(screen.bufnr, row, row + known.height, drawn(screen, request))
    else
      news[request.id] = request
    end
  end
  local appended = {}
  for _, request in ipairs(requests) do
    local latest = news[request.id]
    if latest then
      news[request.id] = nil
      vim.list_extend(lines, drawn(screen, latest))
      appended[#appended + 1] = latest.id
    end
  end
  append(screen, lines)
  vim.list_extend(screen.order, appended)
  forget_oldest(screen)
  for _, window in ipairs(following) do
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(screen.bufnr), 0 })
  end
end

--- Puts requests from before those on the screen above them; the cursor stays on its line.
---@param screen flux.TailScreen
---@param requests flux.Request[]
function M.put_above(screen, requests)
  measure(screen)
  local ids, lines = {}, {}
  for _, request in ipairs(requests) do
    if not screen.shown[request.id] then
      vim.list_extend(lines, drawn(screen, request))
      ids[#ids + 1] = request.id
    end
  end
  screen.brought = screen.brought + #ids
  if #ids == 0 then
    return
  end
  local cursors = {}
  for _, window in ipairs(vim.fn.win_findbuf(screen.bufnr)) do
    cursors[window] = vim.api.nvim_win_get_cursor(window)
  end
  local empty = #screen.order == 0
  view.write(screen.bufnr, 0, empty and -1 or 0, lines)
  for window, cursor in pairs(cursors) do
    vim.api.nvim_win_set_cursor(window, { empty and #lines or cursor[1] + #lines, cursor[2] })
  end
  screen.order = vim.list_extend(ids, screen.order)
end

--- The request whose lines hold a row, counting from 0.
---@param screen flux.TailScreen
---@param row integer
---@return flux.Request?
function M.at(screen, row)
  local id = find(screen, row)
  return id and screen.shown[id].request
end

return M
