-- For scripts/, defaults/ and migrations/; a new bot has its own,
-- core/commands/template/luacheckrc.
-- The globals are those of core/script/vm.c and no others: a library that
-- scripts do not get (io, debug, os.execute) is a warning here already.
stds.moonpost = {
  read_globals = {
    "_G", "_VERSION", "assert", "collectgarbage", "error", "getmetatable", "ipairs", "load", "next",
    "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select",
    "setmetatable", "tonumber", "tostring", "type", "xpcall",
    string = { fields = {
      "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack",
      "packsize", "rep", "reverse", "sub", "unpack", "upper",
    } },
    table = { fields = { "concat", "insert", "move", "pack", "remove", "sort", "unpack" } },
    math = { fields = {
      "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log",
      "max", "maxinteger", "min", "mininteger", "modf", "pi", "rad", "random", "sin", "sqrt",
      "tan", "tointeger", "type", "ult",
    } },
    utf8 = { fields = { "char", "charpattern", "codepoint", "codes", "len", "offset" } },
    os = { fields = { "clock", "date", "difftime", "time" } },
  },
}
std = "moonpost"
max_line_length = 100
-- a handler's arguments are given, whether it needs them or not
ignore = { "212/ctx", "212/self" }
-- only there: what declares settings
files["**/defaults/**"] = { read_globals = {
  option = { fields = {
    "boolean", "chat", "choice", "integer", "list", "map", "number", "section", "string", "user",
  } },
} }
-- what an editor is told: definitions without a body
files["core/script/meta"] = { ignore = { "1", "2", "3", "6" } }
-- how moonpost test works: Lua's own, whole
files["core/testing/lua"] = { std = "max", globals = { "_G.assert", "_G" } }
-- moonpost test
files["**/spec/**"] = {
  std = "max+busted",
  globals = { "bot", "calls", "chat", "clock", "database", "db", "person", "telegram", "web" },
}
