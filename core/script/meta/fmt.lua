---@meta fmt

---Texts with markup into which anything can be put: `require "fmt"`. What is put in is
---escaped, unless it is such a text itself. ctx:reply() and the others take them as
---they are; `..` joins them with each other and with plain texts.
local fmt = {}

---@class fmt.Text
---@field text string
---@field parse_mode "HTML"|"MarkdownV2"
---@operator concat(string|number|fmt.Text): fmt.Text

---What can be put in.
---@alias fmt.Value string|number|boolean|fmt.Text

---HTML: `fmt.html("<b>{}</b> has {n}", …)`. "{}" is the next value, "{2}" the second,
---"{name}" that of a table; "{{" and "}}" are braces.
---@param template string
---@param ... fmt.Value|table<string, fmt.Value>
---@return fmt.Text
function fmt.html(template, ...) end

---The same in MarkdownV2.
---@param template string
---@param ... fmt.Value|table<string, fmt.Value>
---@return fmt.Text
function fmt.md(template, ...) end

---What is markup already: nothing in it is escaped.
---@param text string
---@param parse_mode? "HTML"|"MarkdownV2" HTML unless it is said.
---@return fmt.Text
function fmt.raw(text, parse_mode) end

---@param value fmt.Value
---@return fmt.Text
function fmt.bold(value) end

---@param value fmt.Value
---@return fmt.Text
function fmt.italic(value) end

---@param value fmt.Value
---@return fmt.Text
function fmt.underline(value) end

---@param value fmt.Value
---@return fmt.Text
function fmt.strike(value) end

---@param value fmt.Value
---@return fmt.Text
function fmt.spoiler(value) end

---@param value fmt.Value
---@return fmt.Text
function fmt.quote(value) end

---A quote of which only the first lines are shown.
---@param value fmt.Value
---@return fmt.Text
function fmt.expandable(value) end

---A tap copies it.
---@param text string|number
---@return fmt.Text
function fmt.code(text) end

---Lines of code.
---@param text string|number
---@param language? string
---@return fmt.Text
function fmt.pre(text, language) end

---@param text fmt.Value
---@param url string
---@return fmt.Text
function fmt.link(text, url) end

---A link to a person, by their name; a channel by its @name, if it has one.
---@param who telegram.User|telegram.Chat|integer
---@param text? fmt.Value Instead of the name.
---@return fmt.Text
function fmt.mention(who, text) end

---The whole name of a person or a chat, as plain text.
---@param who telegram.User|telegram.Chat
---@return string
function fmt.name(who) end

---A custom emoji.
---@param id string
---@param alternative? string Where it can't be shown.
---@return fmt.Text
function fmt.emoji(id, alternative) end

---A list as one text.
---@param list fmt.Value[]
---@param separator? fmt.Value
---@return fmt.Text
function fmt.join(list, separator) end

---A message's text or caption with its formatting; or a text with entities.
---@param message telegram.Message|string
---@param entities? telegram.MessageEntity[]
---@return fmt.Text
function fmt.message(message, entities) end

---The first characters of a text, and "…" if that is not all. Plain text.
---@param text string|number
---@param max integer
---@return string
function fmt.cut(text, max) end

---@param text string|number|boolean
---@return string
function fmt.escape_html(text) end

---@param text string|number|boolean
---@return string
function fmt.escape_md(text) end

---Is it a text of fmt?
---@param value any
---@return boolean
function fmt.is(value) end

return fmt
