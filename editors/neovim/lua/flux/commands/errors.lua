--- The issue groups as a quickfix list, the latest first.

local client_of = require('flux.client')
local location = require('flux.location')
local notice = require('flux.notice')

---@class flux.command.Errors: flux.Command
local M = {
  summary = 'what fails, as a quickfix list',
  options = {
    all = {},
    since = {
      value = 'an age such as 30m or 2d',
      complete = function()
        return { '30m', '2h', '1d', '7d' }
      end,
    },
  },
}

local types = { failing = 'E', handled = 'W', resolved = 'I', dismissed = 'N' }

--- The byte where a code point column stands in a line of a file.
---@param path string
---@param frame flux.Frame
---@return integer? column Counts from 1.
local function byte_column(path, frame)
  if not frame.column then
    return nil
  end
  local bufnr = vim.fn.bufnr(path)
  local line = frame.line or 1
  local text ---@type string?
  if bufnr > 0 and vim.api.nvim_buf_is_loaded(bufnr) then
    text = vim.api.nvim_buf_get_lines(bufnr, line - 1, line, false)[1]
  else
    text = vim.fn.readfile(path, '', line)[line]
  end
  local before = math.floor(frame.column - 1)
  return text and vim.str_byteindex(text, 'utf-32', before, false) + 1
end

---@param group table
---@param roots string[]
---@return vim.quickfix.entry
local function entry(group, roots)
  local frame = group.location
  local path = location.file(frame, roots)
  local words = ('%s: %s'):format(group.type, (tostring(group.message or ''):match('^[^\r\n]*')))
  local count = group.count == 1 and 'once' or ('%d times'):format(group.count)
  local state = group.state == 'failing' and '' or ', ' .. group.state
  if group.resolved_by then
    local status = group.resolved_by.status
    state = (', fixed: req:%s%s'):format(
      group.resolved_by.request_id:sub(1, 8),
      status and ' ' .. status or ''
    )
  end
  local item = {
    text = ('%s  (%s%s, req:%s)'):format(words, count, state, group.sample_request_id:sub(1, 8)),
    type = types[group.state] or 'E',
    user_data = { fingerprint = group.fingerprint, id = group.sample_request_id },
  }
  if path and frame then
    item.filename, item.lnum, item.col = path, frame.line, byte_column(path, frame)
  elseif frame then
    item.text = ('%s  at %s:%s'):format(item.text, frame.recorded_path, frame.recorded_line)
  end
  return item
end

function M.run(arguments)
  client_of.command('errors', { since = arguments.options.since }, function(answer, client)
    local groups = vim.tbl_filter(function(group)
      return group.state ~= 'dismissed' or arguments.options.all == true
    end, answer.groups or {})
    local roots = client_of.roots(client)
    vim.fn.setqflist({}, ' ', {
      title = 'Flux errors',
      items = vim.tbl_map(function(group)
        return entry(group, roots)
      end, groups),
    })
    if #groups == 0 then
      notice.info('nothing fails. Expected something? :Flux doctor')
      return
    end
    vim.cmd('botright copen')
  end)
end

return M
