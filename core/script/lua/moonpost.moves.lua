-- What table.insert, remove and move do where they have far to go (safe_lib.c): in Lua, so
-- that others have their turn. The arguments have been looked at.
local function insert(t, n, at, value)
  for i = n, at, -1 do t[i + 1] = t[i] end
  t[at] = value
end

local function remove(t, n, at)
  local value = t[at]
  for i = at, n - 1 do t[i] = t[i + 1] end
  t[n] = nil
  return value
end

local function move(from, first, last, to, target)
  if to > last or to <= first or from ~= target then
    for i = 0, last - first do target[to + i] = from[first + i] end
  else
    for i = last - first, 0, -1 do target[to + i] = from[first + i] end
  end
  return target
end

return insert, remove, move
