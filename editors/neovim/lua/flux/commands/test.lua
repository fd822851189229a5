--- A regression test out of a recorded request, in a new file that is saved when its reader wants it to be.

local client_of = require('flux.client')
local finding = require('flux.finding')
local location = require('flux.location')
local notice = require('flux.notice')

---@class flux.command.Test: flux.Command
local M = {
  summary = 'a regression test out of a request',
  ids = true,
  most = 1,
}

---@param answer { file: string, source: string }
local function show(answer)
  local path = vim.uri_to_fname(answer.file)
  local bufnr = vim.fn.bufadd(path)
  local begun = vim.api.nvim_buf_is_loaded(bufnr) -- A name that no file has: it was asked for before.
  if not location.show(bufnr) then
    return
  end
  if begun then
    notice.info('this is the test that is not saved yet: :write keeps it')
    return
  end
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(answer.source, '\n', { trimempty = true }))
  vim.api.nvim_create_autocmd('BufWritePre', {
    buffer = bufnr,
    once = true,
    desc = 'Flux: make the folder of the test',
    callback = function()
      vim.fn.mkdir(vim.fs.dirname(path), 'p')
    end,
  })
  notice.info('not saved yet: :write keeps it')
end

---@param id string
function M.open(id)
  client_of.command('writeTest', { id = id }, show)
end

---@param arguments flux.Arguments
function M.run(arguments)
  finding.choose_or_latest(arguments.ids, M.open)
end

return M
