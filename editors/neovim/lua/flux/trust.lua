--- Which folders' code may be run: those that the user said so of, in `vim.g.flux.trusted` or by `:Flux trust`.
---
--- They are kept beside Neovim's own list of trusted files, and never in the folder itself.

local M = {}

---@return string
local function file()
  return vim.fs.joinpath(vim.fn.stdpath('state') --[[@as string]], 'flux', 'trusted')
end

---@param folder string
---@return string
local function real(folder)
  local path = vim.fs.normalize(folder)
  return vim.fs.normalize(vim.uv.fs_realpath(path) or path)
end

---@return string[]
local function remembered()
  local opened = io.open(file(), 'r')
  if not opened then
    return {}
  end
  local folders = vim.split(opened:read('*a'), '\n', { trimempty = true })
  opened:close()
  return folders
end

---@param folders string[]
local function remember(folders)
  vim.fn.mkdir(vim.fs.dirname(file()), 'p', '0700')
  local opened = assert(io.open(file(), 'w'))
  opened:write(table.concat(folders, '\n'), '\n')
  opened:close()
end

--- Whether a folder is one of those, or below one.
---@param folder string
---@return boolean
function M.is_trusted(folder)
  local path = real(folder)
  local all = vim.list_extend(remembered(), vim.tbl_map(real, require('flux.config').get().trusted))
  return vim.iter(all):any(function(trusted)
    return path == trusted or vim.startswith(path, trusted == '/' and '/' or trusted .. '/')
  end)
end

--- Whether all folders of a server are trusted; false without any.
---@param folders? { uri: string }[]|vim.NIL Null for a file that is in no project.
---@return boolean
function M.all_trusted(folders)
  return type(folders) == 'table'
    and #folders > 0
    and vim.iter(folders):all(function(folder)
      return M.is_trusted(vim.uri_to_fname(folder.uri))
    end)
end

--- Remembers a folder, or forgets it, and tells the servers.
---@param folder string
---@param trusted boolean
function M.set(folder, trusted)
  local path = real(folder)
  local folders = vim.tbl_filter(function(each)
    return each ~= path
  end, remembered())
  if trusted then
    folders[#folders + 1] = path
  end
  remember(folders)
  M.tell()
end

local TRUST, NOT = 'Trust it', 'Do not'

--- Asks whether code of a folder may be run, and remembers a yes.
---@param folder string
---@param callback fun()
function M.ask(folder, callback)
  vim.ui.select(
    { TRUST, NOT },
    { prompt = ('Run code of %s?'):format(folder), kind = 'flux' },
    function(choice)
      if choice == TRUST then
        M.set(folder, true)
        callback()
      end
    end
  )
end

--- Calls back when all folders of a server are trusted. Those that are not are asked about.
---@param client vim.lsp.Client
---@param callback fun()
function M.need(client, callback)
  local folders = vim.tbl_map(function(folder)
    return vim.uri_to_fname(folder.uri)
  end, client.workspace_folders or {})
  local asked = vim.iter(folders):find(function(folder)
    return not M.is_trusted(folder)
  end)
  if asked then
    M.ask(asked, function()
      M.need(client, callback)
    end)
    return
  end
  M.tell() -- Another Neovim may have been told so since the server began.
  callback()
end

--- Tells every server what is so of its folders.
function M.tell()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'flux' })) do
    client:notify('flux/trust', { trusted = M.all_trusted(client.workspace_folders) })
  end
end

return M
