--- Times, durations and counts, as people say them.

local M = {}

---@param ms number
---@return string
function M.latency(ms)
  if ms < 0.95 then
    return ('%.1fms'):format(ms)
  elseif ms < 10000 then
    return ('%.0fms'):format(ms)
  elseif ms < 100000 then
    return ('%.1fs'):format(ms / 1000)
  end
  local seconds = math.floor(ms / 1000 + 0.5)
  if seconds < 3600 then
    return ('%dm%02ds'):format(math.floor(seconds / 60), seconds % 60)
  end
  return ('%dh%02dm'):format(math.floor(seconds / 3600), math.floor(seconds % 3600 / 60))
end

--- Seconds since the epoch of an RFC 3339 time.
---@param timestamp string
---@return number?
function M.epoch(timestamp)
  local year, month, day, hour, minute, second, zone =
    timestamp:match('^(%d+)-(%d+)-(%d+)[T ](%d+):(%d+):(%d+)[%.%d]*([Zz%+%-].*)$')
  if not year then
    return nil
  end
  -- Days since 1970-01-01 in the Gregorian calendar, with years that begin in March.
  local y = tonumber(year) --[[@as integer]]
  local m = tonumber(month) --[[@as integer]]
  if m <= 2 then
    y, m = y - 1, m + 12
  end
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
  days = days + math.floor((153 * (m - 3) + 2) / 5) + math.floor(tonumber(day) --[[@as number]]) - 719469
  local sign, hours, minutes = (zone or ''):match('^([%+%-])(%d%d):?(%d%d)$')
  local offset = sign and (tonumber(hours) * 3600 + tonumber(minutes) * 60) * (sign == '+' and 1 or -1) or 0
  local clock = tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  return days * 86400 + clock - offset
end

--- How long ago an RFC 3339 time was.
---@param timestamp string
---@param now? integer Seconds since the epoch.
---@return string
function M.ago(timestamp, now)
  local at = M.epoch(timestamp)
  if not at then
    return timestamp
  end
  local seconds = (now or os.time()) - at
  if seconds < -60 then
    return 'in the future'
  elseif seconds < 5 then
    return 'just now'
  elseif seconds < 60 then
    return ('%d s ago'):format(seconds)
  elseif seconds < 3600 then
    return ('%d min ago'):format(math.floor(seconds / 60))
  elseif seconds < 86400 then
    return ('%d h ago'):format(math.floor(seconds / 3600))
  end
  local days = math.floor(seconds / 86400)
  return days == 1 and '1 day ago' or ('%d days ago'):format(days)
end

---@param count integer
---@param one string
---@return string
function M.counted(count, one)
  return ('%d %s%s'):format(count, one, count == 1 and '' or 's')
end

return M
