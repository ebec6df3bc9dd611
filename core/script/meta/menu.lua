---@meta menu

---Menus of buttons: declared once, at the top of a script. They handle their own presses,
---and keep nothing in memory: they go on after restarts and reloads.
local menu = {}

---@class menu.Options
---@field text string|fun(ctx: ctx): string|table What stands above the buttons; of fmt, too.
---@field admin? boolean Only for administrators.
---@field owner? boolean Only for who it was sent for.
---@field allow? fun(ctx: ctx): boolean, string? May this person press? Else why not.
---@field parse_mode? string
---@field options? table More parameters of sendMessage and editMessageText.
---@field says? { admins?: string, owner?: string, outdated?: string } What people are told.

---@class menu.ButtonOptions
---@field when? fun(ctx: ctx): boolean Is it there now?
---@field id? string What it is, if its label changes.
---@field style? string

---@class menu.SettingOptions
---@field label? string The setting's own unless it is said.
---@field when? fun(ctx: ctx): boolean
---@field on? string Before the label: "✅".
---@field off? string "❌".
---@field step? number Of a number; 1.
---@field labels? table<string, string> Of choices.
---@field columns? integer Of choices; 2.

---@class menu.Menu
local Menu = {}

---A button that does something. The function gives nothing or a text (a toast; the menu
---is drawn anew if it changed), false (nothing is drawn), or a menu, which is opened.
---@param label string|fun(ctx: ctx): string
---@param press fun(ctx: ctx, menu: menu.Menu): nil|string|boolean|menu.Menu
---@param options? menu.ButtonOptions
---@return menu.Menu
function Menu:button(label, press, options) end

---A setting that is true or false.
---@param path string "welcome.enabled"
---@param options? menu.SettingOptions
---@return menu.Menu
function Menu:toggle(path, options) end

---A setting that is one of some texts.
---@param path string
---@param options? menu.SettingOptions
---@return menu.Menu
function Menu:choice(path, options) end

---A number, with − and +; a press on it asks for a value.
---@param path string
---@param options? menu.SettingOptions
---@return menu.Menu
function Menu:number(path, options) end

---A setting whose value is asked for: ctx:ask().
---@param path string
---@param options? menu.SettingOptions
---@return menu.Menu
function Menu:input(path, options) end

---@param label string|fun(ctx: ctx): string
---@param other menu.Menu
---@param options? menu.ButtonOptions
---@return menu.Menu
function Menu:submenu(label, other, options) end

---To the menu that this one is a submenu of, or to another.
---@param label? string|fun(ctx: ctx): string
---@param to? menu.Menu|string
---@param options? menu.ButtonOptions
---@return menu.Menu
function Menu:back(label, to, options) end

---Deletes the message.
---@param label? string|fun(ctx: ctx): string
---@param options? menu.ButtonOptions
---@return menu.Menu
function Menu:close(label, options) end

---@param label string|fun(ctx: ctx): string
---@param url string|fun(ctx: ctx): string
---@param options? menu.ButtonOptions
---@return menu.Menu
function Menu:url(label, url, options) end

---What comes next begins a row.
---@return menu.Menu
function Menu:row() end

---@class menu.Page
---@field list table|fun(ctx: ctx, first: integer, count: integer): table, integer? All items; or those from first (0: the first) on, and how many there are in all.
---@field item? fun(ctx: ctx, item: any): string, string|integer|nil The label and the id; the item itself unless it is said.
---@field press fun(ctx: ctx, id: string|integer, menu: menu.Menu): nil|string|boolean|menu.Menu As of Menu:button().
---@field per? integer On a page; 8.
---@field columns? integer 1.
---@field empty? string A button when there is none.

---A list, page by page; one for a menu.
---@param page menu.Page
---@return menu.Menu
function Menu:page(page) end

---Send it to where the update came from. Waits.
---@param ctx ctx
---@param options? table
---@return telegram.Message
function Menu:reply(ctx, options) end

---Show it in place of the message whose button was pressed. Waits.
---@param ctx ctx
function Menu:open(ctx) end

---Its buttons, for a message of one's own.
---@param ctx ctx
---@return telegram.InlineKeyboardMarkup
function Menu:markup(ctx) end

---Declare a menu.
---@param name string 1 to 16 letters, digits, _ . or -
---@param options menu.Options
---@return menu.Menu
function menu.new(name, options) end

return menu
