-- Which plural form a number takes in a language: "one", "few", "other" …
-- CLDR's cardinal rules (unicode.org/reports/tr35/tr35-numbers.html). Each gets the
-- number n without its sign, its whole part i, and the digits after the point as a
-- number f, of which there are v, none of them a zero at the end.

local function of_ten(n, from, to, but_from, but_to)
  local ten, hundred = n % 10, n % 100
  return ten >= from and ten <= to and not (hundred >= but_from and hundred <= but_to)
end

local function within(n, from, to)
  return n >= from and n <= to and n % 1 == 0
end

local function millions(i, v)
  return v == 0 and i ~= 0 and i % 1000000 == 0
end

local function one_only(n) return n == 1 and "one" or "other" end
local function none() return "other" end
local function nought_or_one(n) return (n == 0 or n == 1) and "one" or "other" end
local function up_to_one(n, i) return (i == 0 or n == 1) and "one" or "other" end
local function below_two(_, i) return i <= 1 and "one" or "other" end
local function with_zero(n) return n == 0 and "zero" or one_only(n) end
local function dual(n) return n == 1 and "one" or n == 2 and "two" or "other" end

local function romance(n, i, v)
  return n == 1 and "one" or millions(i, v) and "many" or "other"
end

local function french(_, i, v)
  return i <= 1 and "one" or millions(i, v) and "many" or "other"
end

local function east_slavic(_, i, v)
  if v > 0 then return "other" end
  return of_ten(i, 1, 1, 11, 11) and "one" or of_ten(i, 2, 4, 12, 14) and "few" or "many"
end

local function south_slavic(_, i, v, f)
  local x = v == 0 and i or f
  return of_ten(x, 1, 1, 11, 11) and "one" or of_ten(x, 2, 4, 12, 14) and "few" or "other"
end

local function macedonian(_, i, v, f)
  return of_ten(v == 0 and i or f, 1, 1, 11, 11) and "one" or "other"
end

local function czech(n, i, v)
  return v > 0 and "many" or n == 1 and "one" or i >= 2 and i <= 4 and "few" or "other"
end

local function sorbian(_, i, v, f)
  local x = (v == 0 and i or f) % 100
  return x == 1 and "one" or x == 2 and "two" or (x == 3 or x == 4) and "few" or "other"
end

local function filipino(_, i, v, f)
  local x = (v == 0 and i or f) % 10
  return x ~= 4 and x ~= 6 and x ~= 9 and "one" or v == 0 and i <= 3 and i >= 1 and "one" or "other"
end

local function latvian(n, i, v, f)
  local teens = v == 0 and within(n % 100, 11, 19) or v == 2 and within(f % 100, 11, 19)
  if teens or v == 0 and n % 10 == 0 then return "zero" end
  if v == 0 then return of_ten(i, 1, 1, 11, 11) and "one" or "other" end
  return f % 10 == 1 and (v ~= 2 or f % 100 ~= 11) and "one" or "other"
end

local function romanian(n, _, v)
  if n == 1 then return "one" end
  return (v > 0 or n == 0 or within(n % 100, 1, 19)) and "few" or "other"
end

local rules = {
  { none, [[bm bo dz hnj id ig ii ja jbo jv jw kde kea km ko lkt lo ms my nqo osa sah ses sg su th
    to tpi vi wo yo yue zh]] },
  { nought_or_one, "ak bho csw guw ln mg nso pa ti wa" },
  { up_to_one, "am as bn doi fa gu hi kn kok pcm zu" },
  { below_two, "ff hy kab" },
  { with_zero, "blo cv ksh" },
  { dual, "iu naq sat se sma smi smj smn sms" },
  { romance, "ca es it lld pt-PT scn vec" },
  { french, "fr pt" },
  { east_slavic, "be ru uk" },
  { south_slavic, "bs hr sh sr" },
  { macedonian, "is mk" },
  { czech, "cs sk" },
  { sorbian, "dsb hsb" },
  { filipino, "ceb fil tl" },
  { latvian, "lv prg" },
  { romanian, "mo ro" },
  { function(n)
    local x = n % 100
    if n <= 2 then return n == 0 and "zero" or dual(n) end
    return within(x, 3, 10) and "few" or within(x, 11, 99) and "many" or "other"
  end, "ar" },
  { function(n, i, v)
    if v > 0 then return "other" end
    local ten, tens = n % 10, n % 100 // 10
    local plain = tens ~= 1 and tens ~= 7 and tens ~= 9
    if plain and ten == 1 then return "one" end
    if plain and ten == 2 then return "two" end
    if plain and (ten == 3 or ten == 4 or ten == 9) then return "few" end
    return millions(i, v) and "many" or "other"
  end, "br" },
  { function(n)
    if n <= 2 then return n == 0 and "zero" or dual(n) end
    return n == 3 and "few" or n == 6 and "many" or "other"
  end, "cy" },
  { function(n, i, v) return (n == 1 or v > 0 and i <= 1) and "one" or "other" end, "da" },
  { function(n)
    return n <= 2 and dual(n) or within(n, 3, 6) and "few" or within(n, 7, 10) and "many" or "other"
  end, "ga" },
  { function(n)
    if n == 1 or n == 11 then return "one" elseif n == 2 or n == 12 then return "two" end
    return within(n, 3, 19) and "few" or "other"
  end, "gd" },
  { function(_, i, v)
    if v > 0 then return "many" end
    return i % 10 == 1 and "one" or i % 10 == 2 and "two" or i % 20 == 0 and "few" or "other"
  end, "gv" },
  { function(n, i, v)
    return (n == 1 or i == 0 and v > 0) and "one" or n == 2 and "two" or "other"
  end, "he iw" },
  { function(n, _, v)
    if v > 0 then return "other" end
    local odd = n % 20 -- 2, 22, 42, 62, 82
    if n == 0 then return "zero" elseif n == 1 then return "one" end
    if odd == 2 or n % 1000 == 0 and (within(n % 100000, 1000, 20000) or n % 100000 == 40000
      or n % 100000 == 60000 or n % 100000 == 80000) or n % 1000000 == 100000 then return "two" end
    return odd == 3 and "few" or odd == 1 and "many" or "other"
  end, "kw" },
  { function(n, i) return n == 0 and "zero" or i <= 1 and "one" or "other" end, "lag" },
  { function(_, i, v)
    if v > 0 then return "many" end
    return of_ten(i, 1, 1, 11, 19) and "one" or of_ten(i, 2, 9, 11, 19) and "few" or "other"
  end, "lt" },
  { function(n)
    local x = n % 100
    return n == 1 and "one" or n == 2 and "two" or (n == 0 or within(x, 3, 10)) and "few"
      or within(x, 11, 19) and "many" or "other"
  end, "mt" },
  { function(n, i, v)
    if v > 0 then return "other" end
    return n == 1 and "one" or of_ten(i, 2, 4, 12, 14) and "few" or "many"
  end, "pl" },
  { function(n, i, v)
    if v > 0 then return "many" end
    if of_ten(i, 1, 1, 11, 11) then return "one" end
    return n == 2 and "two" or of_ten(i, 2, 9, 11, 19) and "few" or "other"
  end, "sgs" },
  { function(n, i)
    return (i == 0 or n == 1) and "one" or within(n, 2, 10) and "few" or "other"
  end, "shi" },
  { function(n, i, _, f)
    return (n == 0 or n == 1 or i == 0 and f == 1) and "one" or "other"
  end, "si" },
  { function(_, i, v)
    if v > 0 then return "few" end
    local x = i % 100
    return x == 1 and "one" or x == 2 and "two" or (x == 3 or x == 4) and "few" or "other"
  end, "sl" },
  { function(n) return (n == 0 or n == 1 or within(n, 11, 99)) and "one" or "other" end, "tzm" },
}

local rule_of = {}
for _, rule in ipairs(rules) do
  for code in rule[2]:gmatch("%S+") do rule_of[code] = rule[1] end
end

-- code: "de", "pt-PT". Unknown languages go by English's rule.
return function(code, n)
  local rule = rule_of[code] or rule_of[code:match("^[^-]+")] or one_only
  n = math.abs(n)
  if n ~= n or n == math.huge then return "other" end
  local i = math.tointeger(n)
  if i then return rule(i, i, 0, 0) end
  local digits = ("%.3f"):format(n):match("%.(%d-)0*$")
  local whole = math.floor(n)
  if digits == "" then return rule(whole, whole, 0, 0) end
  return rule(n, whole, #digits, math.tointeger(digits))
end
