-- What a bot has sent to a site as a form: request.form and request.files (web.lua).
local M = {}

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- The second value of a name makes a list of them.
local function add(to, name, value)
  local before = to[name]
  if before == nil then
    to[name] = value
  elseif type(before) == "table" and before[1] ~= nil then
    before[#before + 1] = value
  else
    to[name] = { before, value }
  end
end

local function read_urlencoded(body)
  local form = {}
  for pair in body:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    add(form, unescape(name), unescape(value))
  end
  return form
end

-- In quotes curl writes these three so.
local function unquote(text)
  return (text:gsub("%%22", '"'):gsub("%%0D", "\r"):gsub("%%0A", "\n"))
end

local function read_part(part, form, files)
  local from, to = part:find("\r\n\r\n", 1, true)
  local head, content = "\r\n" .. part:sub(1, from + 1), part:sub(to + 1)
  local said = head:match("\r\n[Cc]ontent%-[Dd]isposition:([^\r]*)") or ""
  local name = unquote(said:match("[; ]name=\"([^\"]*)\"") or "")
  local filename = said:match("[; ]filename=\"([^\"]*)\"")
  if not filename then return add(form, name, content) end
  add(files, name, {
    filename = unquote(filename), content = content,
    content_type = head:match("\r\n[Cc]ontent%-[Tt]ype:[ \t]*([^\r]*)"),
  })
end

local function read_multipart(body, boundary)
  local form, files = {}, {}
  local border = "\r\n--" .. boundary
  body = "\r\n" .. body
  local _, at = body:find(border, 1, true)
  while at and body:sub(at + 1, at + 2) == "\r\n" do
    local from, to = body:find(border, at + 1, true)
    if not from then break end
    read_part(body:sub(at + 3, from - 1), form, files)
    at = to
  end
  return form, files
end

-- The fields and files by name, or nil: the body is no form.
function M.read(content_type, body)
  content_type = content_type or ""
  if content_type:find("^application/x%-www%-form%-urlencoded") then
    return read_urlencoded(body), {}
  end
  local boundary = content_type:match("^multipart/form%-data;.*boundary=\"?([^\";]+)")
  if boundary then return read_multipart(body, boundary) end
end

return M
