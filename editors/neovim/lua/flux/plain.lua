--- Recorded text made fit for a line of a buffer: what would not show is spelled out, and what is too long is cut.

local M = {}

local NAMED = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }

--- Characters that show nothing, or turn the direction of reading, as they are spelled in UTF-8.
local UNSEEN = {
  '\194[\128-\159]', -- U+0080 to U+009F
  '\216\156', -- U+061C
  '\226\128[\139\142\143\168-\174]', -- U+200B, U+200E, U+200F, U+2028 to U+202E
  '\226\129[\160-\175]', -- U+2060 to U+206F
  '\239\187\191', -- U+FEFF
}

---@param character string
---@return string
local function spelled(character)
  local code = vim.fn.char2nr(character, true)
  return NAMED[character] or (code < 256 and '\\x%02x' or '\\u%04x'):format(code)
end

--- One line that only shows.
---@param text any
---@return string
function M.text(text)
  text = tostring(text == nil and '' or text)
  if not text:find('[%z\1-\31\127-\255]') then
    return text
  end
  text = text:gsub('%z', '\\x00'):gsub('[\1-\31\127]', spelled)
  for _, pattern in ipairs(UNSEEN) do
    text = text:gsub(pattern, spelled)
  end
  return text
end

--- The first line of a text, marked when there are more.
---@param text any
---@return string
function M.first_line(text)
  local whole = tostring(text == nil and '' or text)
  local first = whole:match('^[^\r\n]*')
  local rest = whole:sub(#first + 1)
  return M.text(first) .. (rest:find('%S') and ' …' or '')
end

--- At most so many bytes of a text, whole characters.
---@param text string
---@param bytes integer
---@return string
local function beginning(text, bytes)
  if #text <= bytes then
    return text
  end
  return text:sub(1, bytes + vim.str_utf_start(text, bytes + 1))
end

--- The text in at most so many screen cells, an ellipsis for what is left out.
---@param text string
---@param cells integer
---@return string
function M.cut(text, cells)
  -- What is far too long is not measured.
  local kept = beginning(text, math.max(cells, 1) * 8)
  if #kept == #text and vim.api.nvim_strwidth(text) <= cells then
    return text
  end
  local low, high = 0, vim.fn.strchars(kept, true)
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if vim.api.nvim_strwidth(vim.fn.strcharpart(kept, 0, middle, true)) <= cells - 1 then
      low = middle
    else
      high = middle - 1
    end
  end
  return vim.fn.strcharpart(kept, 0, low, true) .. '…'
end

--- Where two long texts begin to differ, with a little of what stands before it; the whole of those that are short.
---@param text string
---@param other string
---@param cells integer
---@return string
function M.from_difference(text, other, cells)
  if vim.api.nvim_strwidth(beginning(text, cells * 8)) <= cells and #text <= cells * 8 then
    return text
  end
  local same, longest = 0, math.min(#text, #other)
  while same < longest and text:byte(same + 1) == other:byte(same + 1) do
    same = same + 1
  end
  local from = same - math.floor(cells / 3)
  if from <= 0 then
    return M.cut(text, cells)
  end
  from = from + 1 + vim.str_utf_start(text, from + 1)
  return M.cut('…' .. text:sub(from), cells)
end

return M
