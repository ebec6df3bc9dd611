-- What test_yields.c runs, with a yield at every few instructions: all metamethods, calls
-- that go through C, varargs, variables to be closed, errors. It returns what it did.
-- luacheck: ignore
local out = {}
local function say(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]) end out[#out+1] = table.concat(t, ",") end
local function work(n) local s = 0 for i = 1, n do s = s + i % 7 end return s end
local function deep(n) if n == 0 then return 0 end local a,b,c,d = n, n+1, n+2, n+3 return 1 + deep(n - 1) + (a+b-c-d+2+0)  - 0 end
local M = {}
M.__index = function(t, k) work(2) deep(3) return rawget(t, "v") .. k end
M.__newindex = function(t, k, v) work(2) rawset(t, k, v) end
for i, op in ipairs{ "add","sub","mul","div","mod","pow","idiv","band","bor","bxor","shl","shr" } do
  M["__" .. op] = function(a, b) work(1) deep(2) return op .. "(" .. (type(a) == "table" and a.v or tostring(a)) .. " " .. (type(b) == "table" and b.v or tostring(b)) .. ")" end
end
M.__unm = function(a) deep(4) return "-" .. a.v end
M.__bnot = function(a) return "~" .. a.v end
M.__len = function(a) deep(5) return #a.v end
M.__eq = function(a, b) deep(2) return a.v == b.v end
M.__lt = function(a, b) deep(2) work(2)
  return (type(a) == "table" and #a.v or a) < (type(b) == "table" and #b.v or b) end
M.__le = function(a, b) deep(2) return (type(a) == "table" and #a.v or a) <= (type(b) == "table" and #b.v or b) end
M.__call = function(self, ...) work(1) return self.v, ... end
M.__tostring = function(a) deep(30) return "<" .. a.v .. ">" end
local function new(v) return setmetatable({ v = v }, M) end
M.__concat = wrap(function(a, b) deep(20)
  local x = type(a) == "table" and a.v or a
  local y = type(b) == "table" and b.v or b
  return new(x .. "|" .. y) end)
M.__close = function(a, e) work(2) deep(10) out[#out+1] = "closed " .. a.v .. tostring(e) end
M.__pairs = function(t) deep(2) return function(_, k) work(1) if not k then return 1, "p" elseif k < 4 then return k + 1, "q" end end, t, nil end
M.__name = "obj"
local a, b, c = new "a", new "bb", new "ccc"
for round = 1, 6 do
  say((a .. b .. c).v, (a .. "x" .. b .. 1 .. c .. 2.5 .. a).v, ("s" .. a .. "t" .. "u" .. b).v)
  say(a + b, a - 1, 2 * b, a / b, a % 3, 3 % a, a ^ b, a // b, a & 1, 1 | a, a ~ b, a << 1, 1 << a, a >> 1, -a, ~a, #c)
  say(a + 1, 1 + a, a - 5, a * 7, a / 2, a // 2, a ^ 2, a & b)
  say(a == b, a == new "a", a ~= b, a < b, a <= b, a > b, a >= b, a < 2, 2 < a, a <= 1, 1 >= a, a > 5, 5 > a)
  if a < b then say "lt" else say "nlt" end
  if not (a < b) then say "not lt" end
  while a > b do end
  say(a.zz, a[1], a[round], a["k" .. round], a(1, 2, 3), (a(4)))
  a["n" .. round] = round; say(rawget(a, "n" .. round))
  for k, v in pairs(a) do say(k, v) end
  say(pcall(function() local x <close> = new "x"; local y <close> = new "y"; work(3); error("boom", 0) end))
  say(pcall(function() local x <close> = new "x"; return 1, 2, a(3, 4) end))
  say(pcall(function(...) local x <close> = new "v"; local y <close> = new "w"; return ... end, 1, 2, 3))
  say(xpcall(function() return a .. nil end, function(m) deep(5) return "handled " .. tostring(m) end))
  say(xpcall(function(...) return work(5), ... end, print, 7, 8))
  say(pcall(error, new "err"))
  say(pcall(pcall, pcall, function() return a .. b .. {} end))
  local t = {} for i = 1, 20 do t[i] = new(("z"):rep((i * 7) % 11)) end
  table.sort(t, function(x, y) work(2) return x < y end)
  local l = {} for i = 1, 20 do l[i] = t[i].v end say(table.concat(l, " "))
  table.sort(t)
  say((("hello world"):gsub("%w+", function(w) deep(9) return new(w).v end)))
  say((("hello world"):gsub("%w+", setmetatable({}, M) and new "q")))
  say(tostring(a), #a, select("#", a(1, nil, nil)))
  local function va(...) local p, q = ... ; local t = { ... } return #t, p, q, select(2, ...) end
  say(va(1, 2, 3), va(a(5, 6)), va())
  say((function(...) return va(...) end)(4, 5, 6))
  local tt = { va(1, 2, 3), va(7, 8, 9) } say(table.unpack(tt))
  do local it <const>, s, v, cl = function(s, i) deep(3) if i < 3 then return i + 1 end end, nil, 0, new "forclose"
    for i in it, s, v, cl do say(i) if i == 2 then break end end end
  for i = 1, 3 do for j = 3.0, 1, -1 do say(i, j) end end
  local clo = {} for i = 1, 5 do clo[i] = function() i = i + 1 return i end end
  for i = 1, 5 do say(clo[i](), clo[i]()) end
  goto done
  do say "never" end
  ::done::
  local s = "" for i = 1, 60 do s = s .. i .. (i % 3 == 0 and tostring(a) or "") .. "," end say(#s, s)
  setmetatable({}, { __gc = function() deep(5) work(3) end })
  say(string.format("%s %s %d", a, b, work(10)))
  say(pcall(string.rep, "x", -1), pcall(next, {}, "nope"), deep(100), load("return 1 + 1")())
  say(math.max(1, 2, work(3)), select(-1, a(1, 2)))

end
return table.concat(out, "\n")
