---@meta bot

---What a script registers its handlers on, and what the bot can do without an update:
---`require "bot"`.
---@class bot: bot.Handlers
---@field api telegram.Api Any method of the Bot API under its own name. Each waits.
---@field username string The bot's own; `""` while the scripts are first loaded.
local bot = {}

---A handler; without `next()` no later one sees the update.
---@alias bot.handler fun(ctx: ctx, next: fun())

---What is known of an update that a command or a text was in, of a press, of an inline
---query: fields that another ctx may not have.
---@class ctx.WithText: ctx
---@field chat telegram.Chat
---@field chat_id integer
---@field message telegram.Message
---@field message_id integer
---@field msg telegram.Message
---@field text string

---@class ctx.OfCommand: ctx.WithText
---@field command string
---@field match string

---@class ctx.OfPress: ctx
---@field callback_query telegram.CallbackQuery
---@field from telegram.User
---@field user_id integer

---@class ctx.OfInline: ctx
---@field from telegram.User
---@field inline_query telegram.InlineQuery
---@field user_id integer

---@alias bot.CommandHandler fun(ctx: ctx.OfCommand, next: fun())
---@alias bot.TextHandler fun(ctx: ctx.WithText, next: fun())
---@alias bot.PressHandler fun(ctx: ctx.OfPress, next: fun())
---@alias bot.InlineHandler fun(ctx: ctx.OfInline, next: fun())

---A text that must be equal, or, if it has anything magic (`^$*+?.([%-`), a Lua
---pattern; or a list of them.
---@alias bot.pattern string|string[]

---grammY's filter queries: `kind`, `kind:field`, `kind:field:what`. A few of them:
---@alias bot.filter
---| string
---| "message"
---| "edited_message"
---| "channel_post"
---| "edited_channel_post"
---| "business_connection"
---| "business_message"
---| "edited_business_message"
---| "deleted_business_messages"
---| "guest_message"
---| "message_reaction"
---| "message_reaction_count"
---| "inline_query"
---| "chosen_inline_result"
---| "callback_query"
---| "shipping_query"
---| "pre_checkout_query"
---| "purchased_paid_media"
---| "poll"
---| "poll_answer"
---| "my_chat_member"
---| "chat_member"
---| "chat_join_request"
---| "chat_boost"
---| "removed_chat_boost"
---| "managed_bot"
---| "subscription"
---| "stopped_message_generation"
---| ":text" # a message or channel post with a text
---| ":caption"
---| ":photo"
---| ":video"
---| ":animation"
---| ":audio"
---| ":document"
---| ":voice"
---| ":video_note"
---| ":sticker"
---| ":location"
---| ":contact"
---| ":poll"
---| ":dice"
---| ":media" # a photo, live photo or video
---| ":file" # anything that has a file
---| "::url" # with a link in the text or the caption
---| "::mention"
---| "::bot_command"
---| ":forward_origin"
---| ":new_chat_members"
---| ":new_chat_members:me" # the bot itself has come
---| ":left_chat_member"
---| ":left_chat_member:me"
---| ":is_topic_message"
---| ":pinned_message"
---| ":successful_payment"
---| "edit" # edited messages and channel posts
---| "edit:text"
---| "callback_query:data"
---| "callback_query:game_short_name"
---| "message_reaction:new_reaction:emoji"
---| "chat_member:new_chat_member:kicked"

---@class bot.CommandScope
---@field chat integer A chat's id.
---@field admins? boolean Only for its administrators.
---@field user? integer Only for this member of it.

---Whose list of commands has it.
---@alias bot.scope "all"|"private"|"groups"|"admins"|integer|bot.CommandScope

---@class bot.CommandOptions
---@field description? string With it, the command is in Telegram's list; 1 to 256 characters.
---@field languages? table<string, string> The description for those who use Telegram in that language: `{ de = "Regeln" }`.
---@field scope? bot.scope|bot.scope[] Where it is in the list; `"all"` unless it is said, or follows from the group.
---@field aliases? string|string[] More names for it, in no list.
---@field hidden? boolean In no list, although it has a description.

---@class bot.GroupConditions
---@field chat_type? "private"|"group"|"supergroup"|"channel"|("private"|"group"|"supergroup"|"channel")[]
---@field chat? integer|integer[] Ids of chats.
---@field user? integer|integer[] Ids of people.
---@field topic? integer|integer[]|boolean Ids of topics; true: in any; false: in none.
---@field on? bot.filter|bot.filter[] One of these filters.
---@field admin? boolean Whether the person must be an administrator there, or must be none. Asks Telegram, and remembers for a minute.
---@field rights? string|string[] The person must be an administrator with all of these rights: `"can_delete_messages"`.
---@field when? fun(ctx: ctx): any What else must hold. It may wait.

---What registers handlers: `bot` itself, and what `bot.group` gives.
---@class bot.Handlers
local Handlers = {}

---Messages and channel posts that begin with `/name`. Of `/name@bot` only those to
---this bot. What stands behind it is in `ctx.match` and, word by word, in `ctx.args`.
---@param names string|string[] 1 to 32 of `a-z 0-9 _`; the first is the command, the others are aliases
---@param f bot.CommandHandler
---@overload fun(names: string|string[], description: string, f: bot.CommandHandler)
---@overload fun(names: string|string[], options: bot.CommandOptions, f: bot.CommandHandler)
function Handlers.command(names, f) end

---Updates that a filter takes, or one of a list.
---@param filter bot.filter|bot.filter[]
---@param f bot.handler
function Handlers.on(filter, f) end

---Messages and channel posts by their text or caption. The captures of a pattern are
---`ctx.match`.
---@param pattern bot.pattern
---@param f bot.TextHandler
function Handlers.hears(pattern, f) end

---Presses of inline buttons by their `callback_data`; without a pattern any. With
---`{ game = true }` by the game's short name.
---@param pattern bot.pattern
---@param f bot.PressHandler
---@overload fun(f: bot.PressHandler)
---@overload fun(pattern: bot.pattern, options: { game?: boolean }, f: bot.PressHandler)
function Handlers.callback(pattern, f) end

---Inline queries by what was typed; without a pattern any. `""` is the empty query.
---@param pattern bot.pattern
---@param f bot.InlineHandler
---@overload fun(f: bot.InlineHandler)
function Handlers.inline(pattern, f) end

---Inline results that were chosen, by their `result_id`; without a pattern any.
---@param pattern bot.pattern
---@param f bot.handler
---@overload fun(f: bot.handler)
function Handlers.chosen(pattern, f) end

---Shipping queries by their `invoice_payload`; without a pattern any.
---@param pattern bot.pattern
---@param f bot.handler
---@overload fun(f: bot.handler)
function Handlers.shipping(pattern, f) end

---Pre-checkout queries by their `invoice_payload`; without a pattern any.
---@param pattern bot.pattern
---@param f bot.handler
---@overload fun(f: bot.handler)
function Handlers.pre_checkout(pattern, f) end

---A reaction was added to a message: one of these, or any. An emoji, the id of a
---custom emoji, or `"paid"`.
---@param reaction string|string[]
---@param f bot.handler
---@overload fun(f: bot.handler)
function Handlers.reaction(reaction, f) end

---Every update: for what is around other handlers.
---@param f bot.handler
function Handlers.use(f) end

---Conditions for the handlers that are registered on what it gives. They are tried
---only where the conditions hold.
---@param conditions bot.GroupConditions
---@return bot.Handlers
function Handlers.group(conditions) end

---What handlers raise. One for the whole bot; what it does not raise again is not
---logged.
---@param f fun(err: any, ctx: ctx)
function bot.catch(f) end

---For long work: once the function is entered, its chat's next update need not wait
---for its end.
---@param f bot.handler
---@return bot.handler
function bot.concurrent(f) end

---@class bot.Command
---@field command string
---@field description? string
---@field languages? table<string, string>
---@field alias_of? string
---@field hidden? boolean

---All commands that are registered, in their order, aliases too.
---@return bot.Command[]
function bot.commands() end

---Another chat's settings, by the rules of `ctx.config`. Waits when they are not in
---memory.
---@param chat_id integer
---@return Config
function bot.config(chat_id) end

---A file to upload: what bot.file gives.
---@class bot.File: userdata

---What a call of the Bot API raises when it fails.
---@class bot.Error
---@field kind "telegram"|"network"|"timeout"|"database"|"config"
---@field message string for people
---@field where string where the script was: `"scripts/errors.lua:7: "`
---@field method? string
---@field error_code? integer
---@field description? string
---@field parameters? telegram.ResponseParameters
---@field maybe_sent? boolean it may have been carried out all the same

---A file to upload, anywhere in a call's parameters: in the bot's folder, or bytes.
---@param file string|{ data: string, name: string, type?: string }|{ path: string, name?: string, type?: string }
---@return bot.File
function bot.file(file) end

---A file that somebody sent: into the data folder, to a function piece by piece, or as
---a string. Waits.
---@param file_id string
---@param to? string|fun(piece: string)
---@return any
function bot.download(file_id, to) end

---@class bot.Setting
---@field path string
---@field type string
---@field default_json string
---@field allowed string
---@field label? string
---@field help? string
---@field unit? string
---@field choices? string[]
---@field of? string
---@field private? boolean
---@field section? string
---@field section_label? string
---@field section_help? string

---All settings that `defaults/` declares.
---@return bot.Setting[]
function bot.settings() end

---What a person typed, as a value for that setting; or nil, and what is allowed.
---@param path string
---@param text string
---@return any value
---@return string? message
function bot.parse_setting(path, text) end

---@class bot.Broadcast
---@field id integer
---@field state "running"|"paused"|"cancelled"|"done"
---@field reason? string Why it paused by itself.
---@field method string
---@field to string
---@field made_by? integer
---@field made_at number
---@field started_at? number
---@field ended_at? number
---@field total integer
---@field waiting integer
---@field sent integer
---@field blocked integer
---@field failed integer
---@field in_doubt integer
local Broadcast = {}

---@return bot.Broadcast # each of these waits, and gives it as it is then
function Broadcast:pause() end
---@return bot.Broadcast
function Broadcast:resume() end
---@return bot.Broadcast
function Broadcast:cancel() end
---Once more to those that failed or are in doubt.
---@return bot.Broadcast
function Broadcast:retry() end
---@return bot.Broadcast
function Broadcast:refresh() end

---One message to many chats: `to` is `"all"`, `"private"`, `"groups"`, a list of ids,
---or a SELECT. Waits.
---@param broadcast { to: string|integer[], message: string|table }
---@return bot.Broadcast
function bot.broadcast(broadcast) end

---One that was made, or nil. Waits.
---@param id integer
---@return bot.Broadcast?
function bot.find_broadcast(id) end

---The newest ones, newest first. Waits.
---@param n? integer 10 unless it is said, at most 100
---@return bot.Broadcast[]
function bot.broadcasts(n) end

---@class bot.Every
---@field name? string Its name; else its file and schedule. Two that are alike need one.
---@field at? string With `"1d"`: at this time of day, `"09:00"`.
---@field timezone? string Of a cron line or `at`: `"Europe/Berlin"`; else UTC.
---@field missed? "once"|"skip"|"all" What was due while no bot ran: runs once, late (unless it is said otherwise); not at all; each time.
---@field jitter? string|number Up to so much later, by chance.
---@field tries? integer How often it is tried in all when it fails: 1 unless it is said.
---@field backoff? string|number Before the second try; doubles each time. 10 seconds unless it is said.

---@class bot.JobOptions
---@field tries? integer How often it is tried in all when it fails: 1 unless it is said.
---@field backoff? string|number Before the second try; doubles each time. 10 seconds unless it is said.

---@class bot.After
---@field chat? integer|false The chat whose job it is; else that of the update. `false`: none.
---@field key? string One job of this name and key waits in a chat.
---@field replace? boolean One with this key that waits gets the new time and data.

---@class bot.At: bot.After
---@field timezone? string Of a time that is a text; else UTC.

---@class bot.JobFilter
---@field chat? integer|false|"all" Of this chat; else that of the update. `false`: of none.
---@field key? string

---@class bot.JobList: bot.JobFilter
---@field name? string
---@field state? "waiting"|"running"|"failed"
---@field limit? integer 100 unless it is said, at most 1000.

---@class bot.Job
---@field id integer
---@field name string
---@field state "waiting"|"running"|"failed"
---@field chat_id? integer
---@field key? string
---@field data any
---@field due? number Seconds since 1970.
---@field made number The same.
---@field every? string The schedule of one of bot.every.
---@field timezone? string
---@field tries integer How often it has failed.
---@field error? string The last one.

---Run something again and again: by a span of time ("1h30m") or a line of cron ("0 9 * * 1-5"). While the scripts are loaded.
---@param schedule string
---@param options bot.Every
---@param f fun(ctx: ctx)
---@overload fun(schedule: string, f: fun(ctx: ctx))
function bot.every(schedule, options, f) end

---Say what a job of this name does. While the scripts are loaded.
---@param name string
---@param options bot.JobOptions
---@param f fun(ctx: ctx, data: any)
---@overload fun(name: string, f: fun(ctx: ctx, data: any))
function bot.job(name, options, f) end

---Make a job that runs after this time. Waits until it stands in the database.
---@param span string|number "10m", or seconds.
---@param name string Of a bot.job.
---@param data? any What JSON can hold, up to 64 KiB.
---@param options? bot.After
---@return integer id
---@return boolean new Not when one with this key waited already.
function bot.after(span, name, data, options) end

---Make a job that runs at this time. Waits until it stands in the database.
---@param time number|string Seconds since 1970, or "2026-12-24 18:00".
---@param name string Of a bot.job.
---@param data? any What JSON can hold, up to 64 KiB.
---@param options? bot.At
---@return integer id
---@return boolean new Not when one with this key waited already.
function bot.at(time, name, data, options) end

---Make a job that runs again and again, for what each chat sets for itself. Waits until it stands in the database.
---@param schedule string A span of time ("1d") or a line of cron ("0 9 * * 1-5").
---@param name string Of a bot.job.
---@param data? any What JSON can hold, up to 64 KiB.
---@param options? bot.At
---@return integer id
---@return boolean new Not when one with this key waited already.
function bot.schedule(schedule, name, data, options) end

---Delete jobs that have not run. Waits.
---@param which integer|string An id, or a name.
---@param options? bot.JobFilter With a name.
---@return integer n How many there were.
function bot.cancel_job(which, options) end

---The jobs that wait, run or have failed, the next one first. Waits.
---@param filter? bot.JobList
---@return bot.Job[]
function bot.jobs(filter) end

---Small values by key of any chat or person: what is `ctx.store` there.
---@param id integer
---@return store.Store
function bot.store(id) end

return bot
