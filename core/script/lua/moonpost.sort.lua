-- What table.sort does (safe_sort.c): quicksort, in Lua so that it can give way, and a
-- comparator or a metamethod can wait, at every instruction. It is compiled twice, the
-- second time with < in place of lt. The table always has all its elements: elements are
-- swapped before anything is called that may raise or wait.
local wrong = ... -- raises

local SMALL <const> = 12

-- By insertion.
local function sort_small(t, lt, low, high)
  for i = low + 1, high do
    local v, at = t[i], i
    while at > low do
      local u = t[at - 1]
      if not lt(v, u) then break end
      t[at], t[at - 1] = u, v
      at = at - 1
    end
  end
end

-- The middle one of the first, the middle and the last, put into the middle; the others
-- are then where they bound the search from both sides.
local function choose_pivot(t, lt, low, high)
  local middle = low + (high - low) // 2
  local a, p, b = t[low], t[middle], t[high]
  if lt(p, a) then
    t[low], t[middle] = p, a
    a, p = p, a
  end
  if lt(b, p) then
    t[middle], t[high] = b, p
    p = b
    if lt(p, a) then
      t[low], t[middle] = p, a
      p = a
    end
  end
  return p
end

-- What is not above p comes first; where it ends, and where the rest begins. An order that
-- contradicts itself leads past the bounds.
local function divide(t, lt, low, high, p)
  local i, j = low, high
  while true do
    i = i + 1
    local u = t[i]
    while lt(u, p) do
      if i == high then wrong() end
      i = i + 1
      u = t[i]
    end
    j = j - 1
    local v = t[j]
    while lt(p, v) do
      if j == low then wrong() end
      j = j - 1
      v = t[j]
    end
    if j < i then return j, i end
    if j == i then return j - 1, i + 1 end -- it is the pivot, or its equal
    t[i], t[j] = v, u
  end
end

local function sort(t, lt, low, high)
  while high - low >= SMALL do
    local last, first = divide(t, lt, low, high, choose_pivot(t, lt, low, high))
    if last - low < high - first then -- the smaller part is sorted first: not deep
      sort(t, lt, low, last)
      low = first
    else
      sort(t, lt, first, high)
      high = last
    end
  end
  sort_small(t, lt, low, high)
end

return sort
