-- require "fmt": texts with markup into which anything can be put. What is put in is
-- escaped, unless it is such a text itself; so what people write is never markup.
--
-- A value knows its text and its parse_mode, and ctx:reply() takes it as it is.
local core = ...
local utf16 = require "utf16"

local fmt = {}

local value_mt = {}
value_mt.__name = "fmt"
value_mt.__metatable = false

local known = setmetatable({}, { __mode = "k" })

local function make(text, mode)
  local value = setmetatable({ text = text, parse_mode = mode }, value_mt)
  known[value] = true
  return value
end

-- --- escaping ---------------------------------------------------------------------

local html_names = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

local function fail(what, text)
  core.misuse(("fmt.%s: %s"):format(what, text))
end

local function text_of(value, what)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind == "nil" then fail(what, "a value to put in is nil") end
  local mt = getmetatable(value)
  if type(mt) == "table" and mt.__tostring then return tostring(value) end
  fail(what, ("a %s can't be put in"):format(kind))
end

local function html_escape(text)
  return (text:gsub("[&<>\"']", html_names))
end

-- Everything of ASCII that is no letter or digit can be escaped; this is all that
-- must be. A line break within it begins a new line of a quote.
local function md_escape(text)
  return (text:gsub("[\\_*%[%]()~`>#+%-=|{}.!]", "\\%0"))
end

local function md_escape_url(url)
  return (url:gsub("[)\\]", "\\%0"))
end

function fmt.escape_html(text)
  return html_escape(text_of(text, "escape_html"))
end

function fmt.escape_md(text)
  return md_escape(text_of(text, "escape_md"))
end

-- --- the two kinds of markup ------------------------------------------------------

local function same_mode(value, mode, what)
  if value.parse_mode ~= mode then
    fail(what, ("a text of %s can't be put into one of %s"):format(value.parse_mode, mode))
  end
  return value.text
end

-- A value as a part of a text of that mode.
local function part(value, mode, what)
  if known[value] then return same_mode(value, mode, what) end
  local text = text_of(value, what)
  return mode == "HTML" and html_escape(text) or md_escape(text)
end

local function tag(name)
  return function(inner) return "<" .. name .. ">" .. inner .. "</" .. name .. ">" end
end

local function mark(open, close)
  return function(inner) return open .. inner .. (close or open) end
end

-- An "_" of the inner text must not become a part of ours.
local function underscored(m)
  return function(inner)
    local first = inner:sub(1, 1) == "_" and "**" or ""
    local last = inner:sub(-1) == "_" and "**" or ""
    return m .. first .. inner .. last .. m
  end
end

-- It must begin a line; what is too much white space Telegram takes away.
local function quoted(inner)
  return "\n>" .. inner:gsub("\n", "\n>")
end

local html_marks = {
  bold = tag "b", italic = tag "i", underline = tag "u", strike = tag "s",
  spoiler = tag "tg-spoiler",
  quote = tag "blockquote",
  expandable = function(inner) return "<blockquote expandable>" .. inner .. "</blockquote>" end,
}

local md_marks = {
  bold = mark "*", italic = underscored "_", underline = underscored "__", strike = mark "~",
  spoiler = mark "||",
  quote = function(inner) return quoted(inner) .. "\n" end,
  expandable = function(inner) return quoted(inner) .. "||\n" end,
}

-- --- texts ------------------------------------------------------------------------

-- "{}" is the next value, "{1}" the first one, "{name}" that of the table; "{{" and
-- "}}" are braces.
local function fill(template, mode, what, ...)
  if type(template) ~= "string" then
    fail(what, "the first argument must be a string, is a " .. type(template))
  end
  local values, n, used = { ... }, select("#", ...), 0
  local named = n == 1 and type(values[1]) == "table" and not known[values[1]] and values[1]
  local function value_of(key)
    local value
    if key == "" then
      used = used + 1
      if used > n then fail(what, ("there is no value for the %d. {}"):format(used)) end
      value = values[used]
    elseif key:find("^%d+$") then
      value = values[tonumber(key)]
    elseif named then
      value = named[key]
    end
    if value == nil then fail(what, ("there is no value for {%s}"):format(key)) end
    return part(value, mode, what)
  end
  local out, at = {}, 1
  while true do
    local from = template:find("[{}]", at)
    if not from then break end
    out[#out + 1] = template:sub(at, from - 1)
    local brace = template:sub(from, from)
    if template:sub(from + 1, from + 1) == brace then
      out[#out + 1] = brace
      at = from + 2
    else
      local _, to, key = template:find("^{([%w_]*)}", from)
      if not to then
        fail(what, ("a single %q in the text; write %s for the character")
          :format(brace, brace:rep(2)))
      end
      out[#out + 1] = value_of(key)
      at = to + 1
    end
  end
  out[#out + 1] = template:sub(at)
  return make(table.concat(out), mode)
end

function fmt.html(template, ...)
  return fill(template, "HTML", "html", ...)
end

function fmt.md(template, ...)
  return fill(template, "MarkdownV2", "md", ...)
end

-- What is markup already; nothing in it is escaped.
function fmt.raw(text, parse_mode)
  if type(text) ~= "string" then fail("raw", "a string is expected, got a " .. type(text)) end
  parse_mode = parse_mode or "HTML"
  if parse_mode ~= "HTML" and parse_mode ~= "MarkdownV2" then
    fail("raw", 'the parse mode must be "HTML" or "MarkdownV2"')
  end
  return make(text, parse_mode)
end

-- --- parts ------------------------------------------------------------------------

-- HTML, unless what is inside is MarkdownV2.
local function mode_of(value)
  return known[value] and value.parse_mode or "HTML"
end

for name in pairs(html_marks) do
  fmt[name] = function(value)
    local mode = mode_of(value)
    local marks = mode == "HTML" and html_marks or md_marks
    local inner = part(value, mode, name)
    return make(inner == "" and "" or marks[name](inner), mode) -- "__" would be a mark
  end
end

function fmt.code(text)
  return make("<code>" .. html_escape(text_of(text, "code")) .. "</code>", "HTML")
end

function fmt.pre(text, language)
  text = html_escape(text_of(text, "pre"))
  if not language then return make("<pre>" .. text .. "</pre>", "HTML") end
  local class = html_escape(text_of(language, "pre"))
  return make(('<pre><code class="language-%s">%s</code></pre>'):format(class, text), "HTML")
end

local function link(inner, url, mode)
  if mode == "HTML" then return ('<a href="%s">%s</a>'):format(html_escape(url), inner) end
  return ("[%s](%s)"):format(inner, md_escape_url(url))
end

function fmt.link(text, url)
  local mode = mode_of(text)
  return make(link(part(text, mode, "link"), text_of(url, "link"), mode), mode)
end

-- The name of a User, or of a Chat.
local function full_name(who)
  local name = who.first_name or who.title or who.name
  if not name then return who.id and tostring(who.id) or nil end
  return who.last_name and name .. " " .. who.last_name or name
end

function fmt.name(who)
  if type(who) ~= "table" then fail("name", "a User or a Chat is expected, got a " .. type(who)) end
  local name = full_name(who)
  if not name then fail("name", "this is no User and no Chat") end
  return name
end

-- A link to a person; a chat that wrote (a channel) by its @name, if it has one.
-- Telegram shows what is empty, or only blanks, as nothing, so then it is the id.
function fmt.mention(who, text)
  if type(who) == "number" then who = { id = who } end
  if type(who) ~= "table" or not who.id then
    fail("mention", "a User, a Chat or an id is expected, got a " .. type(who))
  end
  local mode = mode_of(text)
  local name = text == nil and full_name(who) or text
  if type(name) == "string" and not name:find("[^%s%c]") then name = tostring(who.id) end
  local inner = part(name, mode, "mention")
  if who.id > 0 then return make(link(inner, "tg://user?id=" .. who.id, mode), mode) end
  if who.username then return make(link(inner, "https://t.me/" .. who.username, mode), mode) end
  return make(inner, mode)
end

function fmt.emoji(id, alternative)
  return make(('<tg-emoji emoji-id="%s">%s</tg-emoji>'):format(html_escape(text_of(id, "emoji")),
    html_escape(text_of(alternative or "⭐", "emoji"))), "HTML")
end

-- A list of texts and values as one.
function fmt.join(list, separator)
  if type(list) ~= "table" then fail("join", "a list is expected, got a " .. type(list)) end
  local mode = known[separator] and separator.parse_mode
  for _, value in ipairs(list) do
    mode = mode or (known[value] and value.parse_mode)
  end
  mode = mode or "HTML"
  local out = {}
  for i, value in ipairs(list) do out[i] = part(value, mode, "join") end
  return make(table.concat(out, part(separator or "", mode, "join")), mode)
end

-- The first max characters of a text, and "…" if that is not all.
function fmt.cut(text, max)
  text = text_of(text, "cut")
  local past = utf8.offset(text, max + 1)
  if not past or past > #text then return text end
  return text:sub(1, past - 1) .. "…"
end

-- --- what somebody wrote, with its formatting -------------------------------------

local shown = {
  bold = "bold", italic = "italic", underline = "underline", strikethrough = "strike",
  spoiler = "spoiler",
  blockquote = "quote", expandable_blockquote = "expandable",
}

local function entity_tags(e)
  if shown[e.type] then
    local marked = html_marks[shown[e.type]]("\0")
    local at = marked:find("\0", 1, true)
    return marked:sub(1, at - 1), marked:sub(at + 1)
  elseif e.type == "code" then
    return "<code>", "</code>"
  elseif e.type == "pre" then
    if not e.language then return "<pre>", "</pre>" end
    return ('<pre><code class="language-%s">'):format(html_escape(e.language)), "</code></pre>"
  elseif e.type == "text_link" then
    return ('<a href="%s">'):format(html_escape(e.url)), "</a>"
  elseif e.type == "text_mention" then
    return ('<a href="tg://user?id=%d">'):format(e.user.id), "</a>"
  elseif e.type == "custom_emoji" then
    return ('<tg-emoji emoji-id="%s">'):format(html_escape(e.custom_emoji_id)), "</tg-emoji>"
  end
end

-- Entities nest, and are in the order of their beginnings.
local function with_entities(text, entities)
  local out, open, at = {}, {}, 1
  local function text_to(index)
    out[#out + 1] = html_escape(text:sub(at, index - 1))
    at = math.max(at, index)
  end
  local function close_to(index)
    while #open > 0 and open[#open].to <= index do
      text_to(open[#open].to)
      out[#out + 1] = table.remove(open).tag
    end
  end
  for _, e in ipairs(entities) do
    local before, after = entity_tags(e)
    if before then
      local from = utf16.index(text, e.offset)
      close_to(from)
      text_to(from)
      out[#out + 1] = before
      open[#open + 1] = { to = utf16.index(text, e.offset + e.length), tag = after }
    end
  end
  close_to(#text + 1)
  text_to(#text + 1)
  return table.concat(out)
end

-- A message's text or caption as it was formatted: fmt.message(ctx.reply_to). Or a
-- text and its entities.
function fmt.message(message, entities)
  if type(message) == "string" then return make(with_entities(message, entities or {}), "HTML") end
  if type(message) ~= "table" then
    fail("message", "a Message or a text is expected, got a " .. type(message))
  end
  local text = message.text or message.caption or ""
  return make(with_entities(text, message.entities or message.caption_entities or {}), "HTML")
end

-- --- the values -------------------------------------------------------------------

function value_mt:__tostring()
  return self.text
end

function value_mt.__concat(a, b)
  local mode = known[a] and a.parse_mode or b.parse_mode
  return make(part(a, mode, "html") .. part(b, mode, "html"), mode)
end

function value_mt:__len()
  return #self.text
end

function value_mt.__eq(a, b)
  return a.text == b.text and a.parse_mode == b.parse_mode
end

function value_mt.__newindex()
  error("a text of fmt can't be changed", 2)
end

-- Is it such a text?
function fmt.is(value)
  return known[value] == true
end

return fmt
