---@meta i18n

---The texts of locales/*.lua, by language, with plurals.
local i18n = {}

---@class i18n.Options
---@field default? string The language that has every text; "en" if there is locales/en.lua.
---@field setting? string The setting that holds a chat's language: "language.code".
---@field user? boolean|"always" Does a person's own language count, where the chat has set none? In private, unless it is said.
---@field timezone? string For {at:date} and {at:time}; UTC unless it is said.

---Once, at the top of a script.
---@param options i18n.Options
function i18n.setup(options) end

---A text in a language; values are put in as they are.
---@param language string
---@param key string
---@param values? table<string, any>
---@return string
function i18n.t(language, key, values) end

---A text that has HTML in it; values are escaped, but those of fmt.
---@param language string
---@param key string
---@param values? table<string, any>
---@return fmt.Text
function i18n.html(language, key, values) end

---A text in every language that has it: for bot.command's descriptions.
---@param key string
---@param values? table<string, any>
---@return table<string, string>
function i18n.all(key, values) end

---@param language string
---@param key string
---@return boolean
function i18n.has(language, key) end

---What this update is answered in. May wait for the chat's settings.
---@param ctx ctx
---@return string
function i18n.language(ctx) end

---The codes of the files in locales/: the default one, then the others, sorted.
---@return string[]
function i18n.languages() end

---The language that fits a code best: "pt-BR" for "pt_br", pt for "pt-PT"; nil if there is none.
---@param code string?
---@return string?
function i18n.match(code) end

---The form that a number takes: "one", "few", "other" …
---@param language string
---@param n number
---@return "zero"|"one"|"two"|"few"|"many"|"other"
function i18n.plural(language, n) end

---A number as the language writes it: "1,234.5".
---@param language string
---@param n number
---@return string
function i18n.number(language, n) end

return i18n
