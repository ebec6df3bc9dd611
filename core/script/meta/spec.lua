---@meta spec

---What specs have beside Lua's own library, luassert's `assert`, `spy`, `stub`, `mock` and
---`match`, and busted's `describe`, `it` and so on. `moonpost test` runs them.
---
---Every call that does something returns when the bot is idle: when it goes on only if
---time passes (`clock:advance`) or somebody does something.

---A block of specs. `describe.only`: nothing but those that are marked so runs; `describe.skip`:
---they are pending.
---@class spec.Describe
---@field only fun(name: string, specs: fun())
---@field skip fun(name: string, specs: fun())
---@overload fun(name: string, specs: fun())
describe = {}
context = describe

---A spec; `it.only` and `it.skip` as with `describe`.
---@class spec.It
---@field only fun(name: string, spec: fun())
---@field skip fun(name: string, spec: fun())
---@overload fun(name: string, spec: fun())
it = {}

---A spec that is to be written; within a spec: it ends here, and is pending.
---@param name string
---@param spec? fun()
function pending(name, spec) end

---Before and after each spec of the block.
---@param f fun()
function before_each(f) end

---@param f fun()
function after_each(f) end

---Before the first and after the last spec of the block. There are no people there.
---@param f fun()
function setup(f) end

---@param f fun()
function teardown(f) end

---Within a spec: when it has ended, however it did.
---@param f fun()
function finally(f) end

---A Message as people see it: Telegram's fields, and what is on it.
---@class spec.Message: telegram.Message
local Message = {}

---The texts of the buttons below it, inline or of a reply keyboard, in one list.
---@return string[]
function Message:buttons() end

---The same, row by row.
---@return string[][]
function Message:rows() end

---The button of that text or callback_data, as Telegram has it; nil: there is none.
---@param name string
---@return table?
function Message:button(name) end

---What the bot has newly said in that chat: a list of messages.
---@class spec.Replies
---@field [integer] spec.Message
local Replies = {}

---Their texts or captions.
---@return string[]
function Replies:texts() end

---Where an act of a person takes place; without `to`: in the private chat with the bot.
---@class spec.To
---@field to? spec.Chat|spec.Person|integer
---@field reply_to? spec.Message only of `send`
---@field thread? string|integer a topic, by its name or id; only of `send`
---@field on? spec.Message only of `press`: this message, not the newest with such a button

---What a person sends: a text, or what a Message of that kind has. Files are `true` (any),
---their bytes, or `{ name =, data =, type = }`.
---@class spec.Content
---@field text? string
---@field caption? string
---@field photo? true|string|table
---@field document? true|string|table
---@field video? true|string|table
---@field audio? true|string|table
---@field voice? true|string|table
---@field animation? true|string|table
---@field sticker? true|string|table
---@field location? table `{ latitude =, longitude = }`
---@field contact? table
---@field venue? table
---@field poll? table
---@field dice? table

---Somebody who uses Telegram. Has the methods of a chat for their private chat with the bot.
---@class spec.Person
---@field id integer
---@field name string
---@field username string?
---@field user telegram.User as the bot sees them
---@field config Config the private chat's settings
local Person = {}

---@class spec.PersonOptions
---@field name? string
---@field last_name? string
---@field username? string
---@field language? string "de"
---@field id? integer
---@field member_of? spec.Chat|spec.Chat[]
---@field admin_of? spec.Chat|spec.Chat[] with all rights
---@field owner_of? spec.Chat|spec.Chat[]

---A new person; nobody hears of it that they are in those chats.
---@param options? spec.PersonOptions|string or only the name
---@return spec.Person
function person(options) end

---Send a message. Returns what the bot replied in that chat.
---@param content string|spec.Content
---@param options? spec.To
---@return spec.Replies
function Person:send(content, options) end

---Reply to a message, in its chat.
---@param to spec.Message
---@param content string|spec.Content
---@return spec.Replies
function Person:reply(to, content) end

---Forward a message, to the bot or another chat.
---@param message spec.Message
---@param options? spec.To
---@return spec.Replies
function Person:forward(message, options) end

---Edit one's own message.
---@param message spec.Message
---@param text string
---@return spec.Replies
function Person:edit(message, text) end

---Delete a message. No bot hears of it.
---@param message spec.Message
function Person:delete(message) end

---Pin a message, as an administrator.
---@param message spec.Message
---@return spec.Replies
function Person:pin(message) end

---React to a message; without an emoji the reactions go. Bots hear of it in private chats,
---and where they are administrators.
---@param message spec.Message
---@param emoji? string|string[]
---@return spec.Replies
function Person:react(message, emoji) end

---Press a button, by its text or callback_data, of the newest message that has it. One of a
---reply keyboard sends its text. An error when there is none.
---@param name string
---@param options? spec.To
---@return spec.Replies
function Person:press(name, options) end

---What the last press was answered with; nil: it was not.
---@return { text: string?, show_alert: boolean, url: string? }?
function Person:answer() end

---The text of that answer, if it was shown as an alert.
---@return string?
function Person:alert() end

---The text of that answer, if it was shown for a moment at the top.
---@return string?
function Person:toast() end

---Type an inline query; nil: the bot did not answer.
---@param query string
---@return table[]? results InlineQueryResult
function Person:inline(query) end

---Choose one of the results, or its number: it is sent.
---@param which integer|table
---@param options? spec.To
---@return spec.Replies
function Person:choose(which, options) end

---Join a chat; `by`: who added them.
---@param chat spec.Chat
---@param options? { by: spec.Person }
---@return spec.Replies
function Person:join(chat, options) end

---Leave a chat; `by`: who removed them.
---@param chat spec.Chat
---@param options? { by: spec.Person }
---@return spec.Replies
function Person:leave(chat, options) end

---Make somebody, or the bot, an administrator.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@param rights? table `{ can_pin_messages = false }`; others are given
---@return spec.Replies
function Person:promote(user, chat, rights) end

---Make an administrator a member again.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@return spec.Replies
function Person:demote(user, chat) end

---Take rights from a member.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@param rights? table `{ can_send_messages = false }`
---@return spec.Replies
function Person:restrict(user, chat, rights) end

---Ban somebody, or the bot.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@return spec.Replies
function Person:ban(user, chat) end

---Lift the ban; they are not in the chat then.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@return spec.Replies
function Person:unban(user, chat) end

---Add somebody, or the bot, to a chat.
---@param user spec.Person|spec.Bot
---@param chat spec.Chat
---@return spec.Replies
function Person:add(user, chat) end

---Give a chat another title.
---@param chat spec.Chat
---@param title string
---@return spec.Replies
function Person:rename(chat, title) end

---Block the bot.
function Person:block() end

---Let the bot in again.
function Person:unblock() end

---The ephemeral messages in a chat that this person sees, and nobody else. The chat's own
---`messages()` has them too, with `receiver_user`.
---@param chat spec.Chat
---@return spec.Message[]
function Person:ephemerals(chat) end

---Their private chat with the bot.
---@return spec.Chat
function Person:chat() end

---A chat, with the bot in it.
---@class spec.Chat
---@field id integer
---@field type string
---@field name string
---@field config Config its settings, checked as in a script; assign nil for the default
local Chat = {}

---@class spec.ChatOptions
---@field title? string
---@field members? spec.Person[]
---@field owner? spec.Person
---@field bot_admin? boolean|table the bot is an administrator; a table: without these rights
---@field bot? boolean false: it is not in the chat
---@field username? string
---@field forum? boolean with topics
---@field topics? string[] their names
---@field id? integer

---@class spec.Chats
chat = {}

---A new group.
---@param options? spec.ChatOptions
---@return spec.Chat
function chat.group(options) end

---A new supergroup.
---@param options? spec.ChatOptions
---@return spec.Chat
function chat.supergroup(options) end

---A new channel; the bot is an administrator.
---@param options? spec.ChatOptions
---@return spec.Chat
function chat.channel(options) end

---All messages that are there, oldest first.
---@return spec.Message[]
function Chat:messages() end

---The last message, or the n-th from the end; nil: there is none.
---@param n? integer
---@return spec.Message?
function Chat:last(n) end

---The newest message whose text or caption matches.
---@param pattern string
---@return spec.Message?
function Chat:find(pattern) end

---The texts of the buttons of the newest message that has any.
---@return string[]
function Chat:buttons() end

---The messages as one would read them, a line each: `bot: Sure?  [Yes] [No]`.
---@return string
function Chat:transcript() end

---What the bot was last seen doing here (`typing`); nil: nothing.
---@return string?
function Chat:typing() end

---Telegram's ChatFullInfo, with `members` and `topics`.
---@return table
function Chat:info() end

---@return string
function Chat:title() end

---@return string?
function Chat:description() end

---The message that was pinned last.
---@return spec.Message?
function Chat:pinned() end

---Telegram's ChatMember of a person or the bot; status "left" when they are not there.
---@param user spec.Person|spec.Bot
---@return table
function Chat:member(user) end

---A group becomes a supergroup: this object is that one then.
function Chat:migrate() end

---The bot that is tested, started anew for each spec.
---@class spec.Bot
---@field id integer
---@field username string
bot = {}

---The spec fails unless the bot reports an error whose text matches, and not for that error.
---@param pattern? string
function bot:expect_error(pattern) end

---The errors that the bot reported so far.
---@return string[]
function bot:errors() end

---What it logged so far, from that level only.
---@param level? "info"|"warn"|"error"
---@return { level: string, area: string, text: string, fields: string }[]
function bot:log(level) end

---It ends in order and begins again, as at a deploy: what is not in the database is gone.
---@return spec.Bot
function bot:restart() end

---Give it any update, in Telegram's form without `update_id`: `{ poll_answer = { … } }`.
---@param update table
---@return spec.Bot
function bot:update(update) end

---The commands that people are shown, of a scope and language.
---@param options? { scope: string?, chat: spec.Chat?, language: string? }
---@return { command: string, description: string }[]
function bot:commands(options) end

---What the simulated Telegram does wrong. Each holds for this spec.
---@class spec.Telegram
telegram = {}

---The next calls of a method fail with a status.
---@param method string "sendMessage"; "*": all
---@param status? integer 400 to 599; default 500
---@param options? { retry_after: integer?, description: string? }
---@param times? integer default 1; -1: for ever
---@return spec.Telegram
function telegram:fail(method, status, options, times) end

---Answers come so many milliseconds of real time later.
---@param ms integer
---@param method? string
---@param times? integer default -1: for ever
---@return spec.Telegram
function telegram:slow(ms, method, times) end

---The connection breaks before the answer; `done`: the call was carried out.
---@param method string
---@param options? { done: boolean }
---@param times? integer default 1
---@return spec.Telegram
function telegram:drop(method, options, times) end

---Nothing fails any more.
---@return spec.Telegram
function telegram:heal() end

---Telegram's flood limits hold: 429 for who sends too much.
---@param on? boolean
---@return spec.Telegram
function telegram:limits(on) end

---The sites that the bot asks by `http`: nothing leaves the machine in a spec. What no
---answer is given for fails the spec.
---@class spec.Web
web = {}

---@class spec.WebRequest
---@field method string
---@field url string
---@field headers table<string, string> names in small letters
---@field body string
---@field json any the body, if it is JSON
---@field form? table<string, string|string[]> its fields, if it is a form
---@field files? table<string, spec.WebFile|spec.WebFile[]> the same: its files

---@class spec.WebFile
---@field filename string
---@field content_type? string
---@field content string

---@class spec.WebAnswer
---@field status? integer default 200
---@field headers? table<string, string>
---@field body? string
---@field json? any instead of the body
---@field slow? string|number it takes so long, by `clock:advance`: "3s"
---@field drop? boolean the connection breaks
---@field refused? boolean no connection can be made
---@field timeout? boolean the bot waits as long as it may, in vain; no time passes

---What comes back from a URL, with or without its query, or from all that match a Lua
---pattern that begins with `^`. The last one that fits counts, if times says so only so often.
---@param url string
---@param answer spec.WebAnswer|string|fun(request: spec.WebRequest): spec.WebAnswer|string
---@param times? integer
---@return spec.Web
function web:answer(url, answer, times) end

---What was asked for in this spec.
---@return spec.WebRequest[]
function web:requests() end

---Time, as the bot sees it. It goes on by itself, too.
---@class spec.Clock
clock = {}

---Move on: what is due meanwhile (jobs, time-outs, `time.sleep`) happens, in its order.
---@param duration string|number "1h30m", or seconds
---@return spec.Clock
function clock:advance(duration) end

---The same, up to a time.
---@param time number seconds since 1970
---@return spec.Clock
function clock:to(time) end

---@return number seconds since 1970
function clock:now() end

---What goes wrong with PostgreSQL, for the bot. Each holds for this spec.
---@class spec.Database
database = {}

---It can't be reached: its connections break as in an outage. Until `database:up()`, or while
---the function runs, whose results are given back. Time that the bot waits for it passes with
---`clock:advance`.
---@param f? fun(): ...
---@return spec.Database|any
function database:down(f) end

---It can be reached again: what waited for it goes on.
---@return spec.Database
function database:up() end

---Every answer takes so long, while time goes on (`clock:advance`). 0: no longer.
---@param duration string|number "2s", or seconds
---@return spec.Database
function database:slow(duration) end

---The bot's next query with this word in it fails with that SQLSTATE. The spec's own
---(`db.query`) don't.
---@param name string a table's name; "*": any query
---@param sqlstate? string "23505", "40P01" …; default "XX000"
---@param options? { message: string?, constraint: string? }
---@param times? integer default 1; -1: until `database:heal()`
---@return spec.Database
function database:fail(name, sqlstate, options, times) end

---Nothing is wrong any more.
---@return spec.Database
function database:heal() end

---The database of this run.
---@class spec.Db
db = {}

---Rows as tables; of a statement that gives none, `{ affected = n }`. NULL is nil.
---@param sql string
---@param ... any for $1, $2 …
---@return table
function db.query(sql, ...) end

---@class spec.Call
---@field method string
---@field params table
---@field status integer
---@field result any
---@field error string? the description, when it failed

---The calls of the Bot API in this spec, of one method or all, oldest first.
---@param method? string
---@return spec.Call[]
function calls(method) end
