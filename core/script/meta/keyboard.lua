---@meta keyboard

---Buttons below a message, and instead of the letters. What is built is a plain table,
---as `reply_markup` takes it. What Telegram would not take is an error where it is added.
local keyboard = {}

---@class keyboard.Inline: telegram.InlineKeyboardMarkup
local Inline = {}

---A button that the bot hears of: bot.callback().
---@param text string
---@param data? string|number 1 to 64 bytes; the text unless it is said.
---@param options? table What else a button has: { style = "danger" }.
---@return keyboard.Inline
function Inline:button(text, data, options) end

---A button that opens a page.
---@param text string
---@param url string http://, https:// or tg://
---@param options? table
---@return keyboard.Inline
function Inline:url(text, url, options) end

---A button that opens a Web App.
---@param text string
---@param url string https://
---@param options? table
---@return keyboard.Inline
function Inline:web_app(text, url, options) end

---A button that logs in to a site.
---@param text string
---@param login string|table A URL, or a LoginUrl.
---@param options? table
---@return keyboard.Inline
function Inline:login(text, login, options) end

---A button that begins an inline query in a chat that the person picks.
---@param text string
---@param query? string
---@param options? table
---@return keyboard.Inline
function Inline:switch_inline(text, query, options) end

---The same in this chat.
---@param text string
---@param query? string
---@param options? table
---@return keyboard.Inline
function Inline:switch_inline_current(text, query, options) end

---The same in a chat of some kinds.
---@param text string
---@param chosen? table A SwitchInlineQueryChosenChat.
---@param options? table
---@return keyboard.Inline
function Inline:switch_inline_chosen(text, chosen, options) end

---A button that copies a text.
---@param text string
---@param copied string At most 256 characters.
---@param options? table
---@return keyboard.Inline
function Inline:copy_text(text, copied, options) end

---A button that starts a game; the first one.
---@param text string
---@param options? table
---@return keyboard.Inline
function Inline:game(text, options) end

---A button that pays; the first one of an invoice.
---@param text string
---@param options? table
---@return keyboard.Inline
function Inline:pay(text, options) end

---Buttons that are tables already.
---@param ... table
---@return keyboard.Inline
function Inline:add(...) end

---The next button begins a row. With buttons, as tables: they are a row.
---@param ... table
---@return keyboard.Inline
function Inline:row(...) end

---The rows of another one, below.
---@param other table
---@return keyboard.Inline
function Inline:append(other) end

---Arrange all buttons anew.
---@param columns integer
---@return keyboard.Inline
function Inline:columns(columns) end

---Buttons below a message: of a list, whose elements are texts, { "text", "data" },
---InlineKeyboardButtons, or rows of these; or none yet.
---@param list? table
---@param options? { columns?: integer }
---@return keyboard.Inline
function keyboard.inline(list, options) end

---@class keyboard.Reply: telegram.ReplyKeyboardMarkup
local Reply = {}

---A button whose text is sent.
---@param text string
---@return keyboard.Reply
function Reply:text(text) end

---A button that sends the person's phone number.
---@param text string
---@return keyboard.Reply
function Reply:request_contact(text) end

---A button that sends where the person is.
---@param text string
---@return keyboard.Reply
function Reply:request_location(text) end

---A button that makes a poll.
---@param text string
---@param kind? "quiz"|"regular"
---@return keyboard.Reply
function Reply:request_poll(text, kind) end

---A button that picks users; the answer has users_shared with this id.
---@param text string
---@param id integer
---@param options? table What else a KeyboardButtonRequestUsers has.
---@return keyboard.Reply
function Reply:request_users(text, id, options) end

---A button that picks a chat; the answer has chat_shared with this id.
---@param text string
---@param id integer
---@param options? table What else a KeyboardButtonRequestChat has.
---@return keyboard.Reply
function Reply:request_chat(text, id, options) end

---A button that opens a Web App.
---@param text string
---@param url string
---@return keyboard.Reply
function Reply:web_app(text, url) end

---@param ... table
---@return keyboard.Reply
function Reply:add(...) end

---The next button begins a row.
---@param ... table
---@return keyboard.Reply
function Reply:row(...) end

---@param other table
---@return keyboard.Reply
function Reply:append(other) end

---@param columns integer
---@return keyboard.Reply
function Reply:columns(columns) end

---@class keyboard.ReplyOptions
---@field one_time? boolean It goes when it was used.
---@field resize? boolean As high as its buttons: true unless it is said.
---@field persistent? boolean
---@field placeholder? string In the input field; at most 64 characters.
---@field selective? boolean Only for people who are mentioned or replied to.
---@field columns? integer
---@field [integer] string|table

---Buttons instead of the letters: { { "Yes", "No" }, "Perhaps", one_time = true }.
---@param list? keyboard.ReplyOptions
---@return keyboard.Reply
function keyboard.reply(list) end

---Takes the keyboard away.
---@param options? { selective?: boolean }
---@return telegram.ReplyKeyboardRemove
function keyboard.remove(options) end

---As if the person had chosen "Reply" to the message.
---@param options? { placeholder?: string, selective?: boolean }
---@return telegram.ForceReply
function keyboard.force_reply(options) end

---A button for keyboard.reply{ … }.
---@param text string
---@return table
function keyboard.request_contact(text) end

---A button for keyboard.reply{ … }.
---@param text string
---@return table
function keyboard.request_location(text) end

---A button for keyboard.reply{ … }.
---@param text string
---@param kind? "quiz"|"regular"
---@return table
function keyboard.request_poll(text, kind) end

---A button for keyboard.reply{ … }.
---@param text string
---@param id integer
---@param options? table
---@return table
function keyboard.request_users(text, id, options) end

---A button for keyboard.reply{ … }.
---@param text string
---@param id integer
---@param options? table
---@return table
function keyboard.request_chat(text, id, options) end

---A button for keyboard.reply{ … }.
---@param text string
---@param url string
---@return table
function keyboard.web_app(text, url) end

return keyboard
