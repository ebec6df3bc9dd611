-- require "i18n": the texts of locales/*.lua, by language, with plurals.
--
-- A text is read once, when the folder is loaded, into a list of parts: strings, and
-- tables for what stands in braces. core has the files' tables (mod_i18n.c).
local core = ...
local fmt = require "fmt"
local category = require "moonpost.plurals"
local log = require "log"
local time = require "time"

local i18n = {}
local internal = {} -- for ctx and `moonpost check`: no part of what scripts are told of

-- --- reading texts ----------------------------------------------------------------

local KINDS = { number = true, date = true, time = true, datetime = true }

local OWN = "moonpost." -- the host's own keys begin so: says.h

local languages = {} -- code → { code =, file =, messages = { path → message }, formats = }
local codes = {}     -- sorted
local by_lower = {}  -- "pt-br" → "pt-BR"
local own = {}       -- the host's own keys that a language has

local function refuse(language, path, text)
  local line = core.line(language.file, path)
  error(("%s%s: %s: %s"):format(language.file, line > 0 and ":" .. line or "", path, text), 0)
end

-- "Hello, {name}!" → { "Hello, ", { name = "name" }, "!" }
local function read_text(language, path, text)
  local parts, at = {}, 1
  while true do
    local from = text:find("[{}]", at)
    if not from then break end
    if from > at then parts[#parts + 1] = text:sub(at, from - 1) end
    local brace = text:sub(from, from)
    if text:sub(from + 1, from + 1) == brace then
      parts[#parts + 1] = brace
      at = from + 2
    else
      local _, to, sign, name, kind = text:find("^{(@?)([%w_.]+):?(%l*)}", from)
      if not to or brace == "}" then
        local problem = "a single %s in the text: {name} is a value, %s the sign"
        refuse(language, path, problem:format(brace, brace:rep(2)))
      elseif kind ~= "" and not KINDS[kind] then
        local problem = "{%s:%s}: number, date, time and datetime are there"
        refuse(language, path, problem:format(name, kind))
      end
      parts[#parts + 1] = { name = name, kind = kind ~= "" and kind or nil, message = sign == "@" }
      at = to + 1
    end
  end
  if at <= #text then parts[#parts + 1] = text:sub(at) end
  return { parts = parts }
end

local read_message

-- { by = "n", one = "…", other = "…" }
local function read_choice(language, path, value)
  local by = value.by == nil and "n" or value.by
  if type(by) ~= "string" then refuse(language, path, "by: the name of a value is wanted") end
  local choice = { by = by, forms = {} }
  for key, form in pairs(value) do
    if key ~= "by" then
      choice.forms[key] = read_message(language, path .. "." .. tostring(key), form, true)
    end
  end
  return choice
end

function read_message(language, path, value, within_choice)
  if type(value) == "string" then return read_text(language, path, value) end
  if type(value) == "table" and value.other ~= nil then
    return read_choice(language, path, value)
  end
  refuse(language, path, within_choice and "a text is wanted"
    or "a text, or a table of them, is wanted, not a " .. type(value))
end

-- Of the host's own: it may be shown in an answer to a press.
local function check_own(language, path, value)
  if not core.english[path] then
    local problem = "the host says nothing by this name; did you mean %q?"
    refuse(language, path, problem:format(core.near(path)))
  end
  for _, text in pairs(type(value) == "table" and value or { value }) do
    if type(text) == "table" then
      check_own(language, path, text)
    elseif type(text) == "string" and ((utf8.len(text) or math.huge) > core.says_max
      or text:find("\0", 1, true)) then
      refuse(language, path, ("must be text of at most %d characters"):format(core.says_max))
    end
  end
  own[path] = true
end

local function read_group(language, path, group)
  for key, value in pairs(group) do
    if type(key) ~= "string" or not key:find("^[%w_-]+$") then
      refuse(language, path .. tostring(key),
        "the name of a text is made of letters, digits, _ and -")
    end
    local full = path .. key
    if type(value) == "table" and value.other == nil then
      read_group(language, full .. ".", value)
    else
      if full:sub(1, #OWN) == OWN then check_own(language, full, value) end
      language.messages[full] = read_message(language, full, value)
    end
  end
end

local function read_language(code, file, texts)
  local language = { code = code, file = file, messages = {}, formats = {} }
  if type(texts) ~= "table" then
    error(("%s: must return a table of texts, returned a %s"):format(file, type(texts)), 0)
  end
  if not code:find("^%a%a%a?[%w-]*$") then
    error(("%s: the name must be a language's code: en.lua, pt-BR.lua"):format(file), 0)
  end
  if by_lower[code:lower()] then error(file .. ": this language is there twice", 0) end
  local rest = {}
  for key, value in pairs(texts) do
    if key == "formats" then language.formats = value else rest[key] = value end
  end
  if type(language.formats) ~= "table" then refuse(language, "formats", "a table is wanted") end
  read_group(language, "", rest)
  languages[code] = language
  by_lower[code:lower()] = code
  codes[#codes + 1] = code
end

local file_codes = {}
for code in pairs(core.locales) do file_codes[#file_codes + 1] = code end
table.sort(file_codes)
for _, code in ipairs(file_codes) do
  read_language(code, "locales/" .. code .. ".lua", core.locales[code])
end

-- What the host says of its own: the last resort, and of English the first.
local english = { code = "en", file = "the host", messages = {}, formats = {} }
for path, text in pairs(core.english) do
  english.messages[path] = read_text(english, path, text)
end

-- --- which language ------------------------------------------------------------------

local options = { default = languages.en and "en" or codes[1] or "en", user = true }

-- The language that fits best: "pt-BR" → pt-BR, else pt; nil if there is none.
function i18n.match(code)
  if type(code) ~= "string" then return nil end
  code = code:lower():gsub("_", "-")
  while true do
    if by_lower[code] then return by_lower[code] end
    code = code:match("^(.*)%-[^-]*$")
    if not code then return nil end
  end
end

local known_options = { default = "string", setting = "string", user = "any", timezone = "string" }

-- i18n.setup{ default = "en", setting = "language.code", user = true, timezone = "UTC" }
function i18n.setup(given)
  if type(given) ~= "table" then core.misuse("i18n.setup: a table is wanted") end
  for name, value in pairs(given) do
    local kind = known_options[name]
    if not kind then core.misuse(("i18n.setup: there is no option %s"):format(tostring(name))) end
    if kind ~= "any" and type(value) ~= kind then
      core.misuse(("i18n.setup: %s must be a %s"):format(name, kind))
    end
  end
  if given.default and not languages[given.default] then
    core.misuse(("i18n.setup: there is no locales/%s.lua"):format(given.default))
  end
  local user = given.user
  if user ~= nil and user ~= "always" and type(user) ~= "boolean" then
    core.misuse('i18n.setup: user: true, false or "always"')
  end
  if given.timezone then time.format(0, "", given.timezone) end -- an error if there is none
  for name, value in pairs(given) do options[name] = value end
end

local function setting_of(ctx)
  local value = ctx.config
  for name in options.setting:gmatch("[^.]+") do
    if value == nil then return nil end
    value = value[name]
  end
  return value
end

-- What this update is answered in: what the handler has put into ctx.language; what
-- the chat has set; the person's own, in private; the default.           [may wait]
function i18n.language(ctx)
  local code = i18n.match(ctx.language)
  if code then return code end
  local has_setting = options.setting and (ctx.chat_id or ctx.from)
  local set = has_setting and ctx:is_set(options.setting)
  if set then
    code = i18n.match(setting_of(ctx))
    if code then return code end
  end
  local private = not ctx.chat or ctx.chat.type == "private"
  if options.user == "always" or options.user and private then
    code = ctx.from and i18n.match(ctx.from.language_code)
    if code then return code end
  end
  return has_setting and i18n.match(setting_of(ctx)) or options.default
end

-- --- writing texts ---------------------------------------------------------------------

local warned, nwarned = {}, 0

local function warn_once(text, key, code)
  local id = text .. "\0" .. key .. "\0" .. code
  if warned[id] or nwarned >= 1000 then return end
  warned[id], nwarned = true, nwarned + 1
  log.warn(text, { key = key, language = code })
end

local function find(code, path)
  local host = english.messages[path]
  while code do
    local language = languages[by_lower[code:lower()]]
    local message = language and language.messages[path]
    if message then return message, language end
    if host and code:lower() == "en" then return host, english end
    code = code:match("^(.*)%-[^-]*$")
  end
  local language = languages[options.default]
  local message = language and language.messages[path]
  if message then return message, language end
  if host then return host, english end
end

-- Separators: what follows CLDR for the languages that differ from English's 1,234.5
local decimal_comma = {}
for code in ([[af az be bg bs ca cs da de el es et eu fi fo fr gl hr hu hy id is it ka kk ky lt
  lv mk nb nl nn no pl pt ro ru sk sl sq sr sv tr tt uk uz vi]]):gmatch("%S+") do
  decimal_comma[code] = true
end
local spaced = {}
for code in ([[af be bg cs et fi fr hu hy ka kk ky lt lv nb nn no pl ru sk sq sv tt uk
  uz]]):gmatch("%S+") do
  spaced[code] = true
end

local function write_number(language, n)
  local base = language.code:match("^[^-]+")
  local point = language.formats.decimal or decimal_comma[base] and "," or "."
  local group = language.formats.group or spaced[base] and "\u{A0}"
    or decimal_comma[base] and "." or ","
  local text = math.tointeger(n) and ("%d"):format(n) or ("%.14g"):format(n)
  local whole, rest = text:match("^(-?%d+)(.*)$")
  if not whole or rest:find("e") then return tostring(n) end
  whole = whole:reverse():gsub("(%d%d%d)", "%1\0"):reverse():gsub("^(-?)%z", "%1")
  whole = whole:gsub("%z", (group:gsub("%%", "%%%%")))
  return whole .. rest:gsub("%.", (point:gsub("%%", "%%%%")))
end

local default_formats = { date = "%Y-%m-%d", time = "%H:%M", datetime = "%Y-%m-%d %H:%M" }

local function write_kind(language, kind, value)
  if type(value) ~= "number" then return value end
  if kind == "number" then return write_number(language, value) end
  return time.format(value, language.formats[kind] or default_formats[kind], options.timezone)
end

local DEPTH_MAX = 10

local write

local function write_part(state, part, language, path, depth)
  if part.message then
    local message, of = find(state.code, part.name)
    if message and depth < DEPTH_MAX then return write(state, message, of, part.name, depth + 1) end
    warn_once("no text for this key", part.name, state.code)
    return state.escape(part.name)
  end
  local value = state.vars[part.name]
  if value == nil then
    warn_once(("a text was given no value for {%s}"):format(part.name), path, state.code)
    return state.escape("{" .. part.name .. "}")
  end
  if part.kind then value = write_kind(language, part.kind, value) end
  return state.escape(value)
end

local function choose(state, message, language)
  local value = state.vars[message.by]
  local forms = message.forms
  if type(value) == "number" then
    local exact = math.tointeger(value)
    return exact and forms[exact] or forms[category(language.code, value)] or forms.other
  end
  return value ~= nil and forms[tostring(value)] or forms.other
end

function write(state, message, language, path, depth)
  while message.forms do
    if state.vars[message.by] == nil then
      warn_once(("a text was given no value for {%s}"):format(message.by), path, state.code)
    end
    message = choose(state, message, language)
  end
  local out = {}
  for i, part in ipairs(message.parts) do
    out[i] = type(part) == "string" and part or write_part(state, part, language, path, depth)
  end
  return table.concat(out)
end

local function plain(value)
  local kind = type(value)
  if kind == "number" then return tostring(math.tointeger(value) or value) end
  if kind == "table" and type(rawget(value, "text")) == "string" then return value.text end
  return tostring(value)
end

local function html(value)
  if type(value) == "number" then value = math.tointeger(value) or value end
  return fmt.html("{}", value).text
end

local function text_of(what, code, path, vars, escape)
  if type(path) ~= "string" then
    core.misuse(what .. ": the key must be a string, is a " .. type(path))
  end
  if vars ~= nil and type(vars) ~= "table" then
    core.misuse(what .. ": the values must be a table, are a " .. type(vars))
  end
  local message, language = find(code, path)
  if not message then
    warn_once("no text for this key", path, code)
    return escape(path)
  end
  return write({ code = code, vars = vars or {}, escape = escape }, message, language, path, 1)
end

local function check_code(what, code)
  if type(code) ~= "string" then
    core.misuse(what .. ": the language must be a string, is a " .. type(code))
  end
  return i18n.match(code) or options.default
end

-- A text in a language, with the values put in as they are.
function i18n.t(code, key, vars)
  return (text_of("i18n.t", check_code("i18n.t", code), key, vars, plain))
end

-- The same for a text that has HTML in it: values are escaped, but those of fmt.
function i18n.html(code, key, vars)
  return fmt.raw(text_of("i18n.html", check_code("i18n.html", code), key, vars, html), "HTML")
end

-- ctx:t(key, vars), ctx:t_html(key, vars)
function internal.ctx_t(ctx, key, vars)
  return (text_of("ctx:t", i18n.language(ctx), key, vars, plain))
end

function internal.ctx_t_html(ctx, key, vars)
  return fmt.raw(text_of("ctx:t_html", i18n.language(ctx), key, vars, html), "HTML")
end

-- What the host says: the text of a key of its own, or nil, if no language has it. [may wait]
function internal.own(ctx, key, values)
  return own[key] and text_of("ctx:t", i18n.language(ctx), key, values, plain) or nil
end

-- The same where there is no ctx (says.c). setting(path) gives what the chat has set, as far
-- as that is known, and the setting's default; code is the person's.
function internal.said(key, setting, code, private)
  if not own[key] then return nil end
  local set, default
  if options.setting then set, default = setting(options.setting) end
  local language = i18n.match(set)
  if not language and (options.user == "always" or options.user and private) then
    language = i18n.match(code)
  end
  return text_of("ctx:t", language or i18n.match(default) or options.default, key, nil, plain)
end

-- { en = "Settings", de = "Einstellungen" }: for lists of commands.
function i18n.all(key, vars)
  local all = {}
  for _, code in ipairs(codes) do
    if languages[code].messages[key] then
      all[code] = text_of("i18n.all", code, key, vars, plain)
    end
  end
  return all
end

function i18n.has(code, key)
  return find(check_code("i18n.has", code), key) ~= nil
end

-- The codes of the files in locales/: the default one, then the others, sorted.
function i18n.languages()
  local list = { languages[options.default] and options.default }
  for _, code in ipairs(codes) do
    if code ~= options.default then list[#list + 1] = code end
  end
  return list
end

-- "one", "few", …: the form that a number takes in a language.
function i18n.plural(code, n)
  if type(code) ~= "string" or type(n) ~= "number" then
    core.misuse("i18n.plural: a language and a number are wanted")
  end
  return category(code:gsub("_", "-"), n)
end

function i18n.number(code, n)
  if type(n) ~= "number" then core.misuse("i18n.number: a number is wanted") end
  local language = languages[check_code("i18n.number", code)]
  return write_number(language or { code = code, formats = {} }, n)
end

-- --- what moonpost check says ------------------------------------------------------------

local function add_values(message, values)
  if message.forms then
    values[message.by] = true
    for _, form in pairs(message.forms) do add_values(form, values) end
    return values
  end
  for _, part in ipairs(message.parts) do
    if type(part) == "table" then values[(part.message and "@" or "") .. part.name] = true end
  end
  return values
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function place(language, path)
  local line = core.line(language.file, path)
  return language.file .. (line > 0 and ":" .. line or "") .. ": " .. path .. ": "
end

-- Values of the host's own texts that it does not give.
local function compare_own(language, path, problems)
  local given = add_values(english.messages[path], {})
  for _, name in ipairs(sorted(add_values(language.messages[path], {}))) do
    if not given[name] and name:sub(1, 1) ~= "@" then
      problems[#problems + 1] = place(language, path)
        .. ("has {%s}, which the host does not give"):format(name)
    end
  end
end

local function compare(language, default, problems)
  local parent = languages[i18n.match(language.code:match("^(.*)%-[^-]*$") or "")]
  for _, path in ipairs(sorted(default.messages)) do
    local message = language.messages[path]
    if message and not own[path] then
      local wanted, got = add_values(default.messages[path], {}), add_values(message, {})
      for _, name in ipairs(sorted(wanted)) do
        if not got[name] then
          problems[#problems + 1] = place(language, path) .. "does not use {" .. name .. "}"
        end
      end
      for _, name in ipairs(sorted(got)) do
        if not wanted[name] then
          local text = ("has {%s}, %s has not"):format(name, default.file)
          problems[#problems + 1] = place(language, path) .. text
        end
      end
    elseif not own[path] and not (parent and parent.messages[path]) then
      problems[#problems + 1] = ("%s: %s is missing"):format(language.file, path)
    end
  end
  for _, path in ipairs(sorted(language.messages)) do
    if not default.messages[path] and not own[path] then
      problems[#problems + 1] = place(language, path) .. default.file .. " has no such text"
    end
  end
end

-- Plural forms that a language has and a text has not: "other" is shown then.
local samples = {}
for n = 0, 200 do samples[n + 1] = n end
samples[#samples + 1] = 1000000

local function add_missing_forms(language, problems)
  local wanted = {}
  for _, n in ipairs(samples) do wanted[category(language.code, n)] = true end
  for _, path in ipairs(sorted(language.messages)) do
    local forms = language.messages[path].forms
    if forms and (forms.one or forms.few or forms.many) then
      for _, form in ipairs{ "one", "two", "few", "many" } do
        if wanted[form] and not forms[form] and not (form == "many" and wanted.few == nil) then
          local text = ("has no form %q, which %s has"):format(form, language.code)
          problems[#problems + 1] = place(language, path) .. text
        end
      end
    end
  end
end

-- ctx:t("key") of a key that no language has.
local function add_unknown(path, source, problems)
  local number = 0
  for line in (source .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local code = line:gsub("%-%-.*$", "")
    for key, more in code:gmatch([=[:t[_html]*[%s(]+["']([%w_.-]+)["']%s*(%.?%.?)]=]) do
      if more ~= ".." and not internal.knows(key) then -- "a." .. b is any of them
        problems[#problems + 1] = ('%s:%d: no file in locales/ has "%s"'):format(path, number, key)
      end
    end
  end
end

-- A list of lines: what is missing or superfluous in each language. sources: the
-- texts of the files that were loaded, by their paths.
function internal.problems(sources)
  local problems, default = {}, languages[options.default]
  if not default then return problems end
  for _, path in ipairs(sorted(sources)) do
    if path:find("^scripts/") then add_unknown(path, sources[path], problems) end
  end
  for _, code in ipairs(codes) do
    if code ~= options.default then compare(languages[code], default, problems) end
    for _, path in ipairs(sorted(own)) do
      if languages[code].messages[path] then compare_own(languages[code], path, problems) end
    end
    add_missing_forms(languages[code], problems)
  end
  return problems
end

-- Is the key there at all?
function internal.knows(key)
  if core.english[key] then return true end
  for _, code in ipairs(codes) do
    if languages[code].messages[key] then return true end
  end
  return false
end

return setmetatable(i18n, { __index = internal, __metatable = false })
