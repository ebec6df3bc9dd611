---@meta

---What a handler is given: the update, and what it can do about it. Fields are read
---from the update when first asked for; a handler may set fields of its own. Methods
---of Telegram raise an error (`err.description`) when Telegram refuses.
---@class ctx
---@field api telegram.Api The same as `bot.api`. Each method waits.
---@field args string[] Of a command: what stands behind it, in words; "quoted words" are one.
---@field business_connection_id? string
---@field callback_data? string Of a press: the button's data; the same as `data`.
---@field caption? string
---@field chat? telegram.Chat
---@field chat_id? integer
---@field command? string Without its "/": "ban".
---@field config Config This chat's settings; without a chat the person's. Waits when they are not in memory.
---@field data? string Of a press: the button's data.
---@field derived Derived What `derive` functions made of the settings. Waits as `config`.
---@field from? telegram.User Who; nil for a channel's posts.
---@field here telegram.Api As `api`, with the `chat_id` (and the topic) of the update. Each method waits.
---@field inline_message_id? string
---@field kind string "message", "callback_query" …
---@field match? any Of bot.hears() and bot.callback(): the list of captures; of a command: all that stands behind it.
---@field me? telegram.User The bot; nil until Telegram has said who it is.
---@field message? telegram.Message The message or post; of a press, the one with the button.
---@field message_id? integer Also of a reaction.
---@field msg? telegram.Message The same as `message`.
---@field payload? string Of `/start` by a link: what the link says.
---@field reply_to? telegram.Message The message that this one replies to.
---@field sender_chat? telegram.Chat The channel, or the group itself, that it was written as.
---@field store store.Store Small values by key, of this chat; without a chat the person's.
---@field text? string The message's text or caption.
---@field topic? integer The thread's id.
---@field update telegram.Update All of it.
---@field update_id integer
---@field user_id? integer
---@field user_store store.Store Small values by key, of this person.
---@field edited_message? telegram.Message
---@field channel_post? telegram.Message
---@field edited_channel_post? telegram.Message
---@field business_connection? telegram.BusinessConnection
---@field business_message? telegram.Message
---@field edited_business_message? telegram.Message
---@field deleted_business_messages? telegram.BusinessMessagesDeleted
---@field guest_message? telegram.Message
---@field message_reaction? telegram.MessageReactionUpdated
---@field message_reaction_count? telegram.MessageReactionCountUpdated
---@field inline_query? telegram.InlineQuery
---@field chosen_inline_result? telegram.ChosenInlineResult
---@field callback_query? telegram.CallbackQuery
---@field shipping_query? telegram.ShippingQuery
---@field pre_checkout_query? telegram.PreCheckoutQuery
---@field purchased_paid_media? telegram.PaidMediaPurchased
---@field poll? telegram.Poll
---@field poll_answer? telegram.PollAnswer
---@field my_chat_member? telegram.ChatMemberUpdated
---@field chat_member? telegram.ChatMemberUpdated
---@field chat_join_request? telegram.ChatJoinRequest
---@field chat_boost? telegram.ChatBoostUpdated
---@field removed_chat_boost? telegram.ChatBoostRemoved
---@field managed_bot? telegram.ManagedBotUpdated
---@field subscription? telegram.BotSubscriptionUpdated
---@field stopped_message_generation? telegram.MessageGenerationStopped
local ctx = {}

---A text for a message: plain, or with markup from `require "fmt"`.
---@alias ctx.Text string|number|fmt.Text

---A User, a Chat, a ChatMember, what ctx:target() gave, or an id.
---@alias ctx.User integer|string|telegram.User|telegram.Chat|telegram.ChatMember

---How long: "10m", "1h30m", "2d", "1w", or seconds.
---@alias ctx.Duration string|number

---Telegram's parameters of the method (`reply_markup = …`), and these:
---@class ctx.ReplyOptions
---@field parse_mode? string "HTML" or "MarkdownV2"; of a text of fmt it is known.
---@field ephemeral? boolean Only this person sees it, where that can be: ctx:whisper().
---@field quote? boolean As a reply to this message.
---@field reply_markup? any
---@field reply_parameters? telegram.ReplyParameters
---@field entities? telegram.MessageEntity[]
---@field caption? ctx.Text
---@field caption_entities? telegram.MessageEntity[]
---@field disable_notification? boolean
---@field protect_content? boolean
---@field link_preview_options? telegram.LinkPreviewOptions
---@field [string] any

---@class ctx.MessageOptions
---@field message? integer|telegram.Message|(integer|telegram.Message)[] Another message than the update's.
---@field [string] any

---Send a text to this chat and topic. A long one is divided: at lines and words, markup
---is closed and opened again; buttons are below the last. Waits.
---@param text ctx.Text|table A text; or all parameters of sendMessage.
---@param options? ctx.ReplyOptions
---@return telegram.Message message The last one.
---@return telegram.Message[]? all When it was divided.
function ctx:reply(text, options) end

---The same, but only this person sees it: in groups where the bot is an administrator,
---or within 15 s of a press. Elsewhere it is an ordinary message. Waits.
---@param text ctx.Text|table
---@param options? ctx.ReplyOptions
---@return telegram.Message message
---@return telegram.Message[]? all
function ctx:whisper(text, options) end

---Send a text to any chat; as ctx:reply(). Waits.
---@param chat_id integer|string|telegram.Chat|telegram.User
---@param text ctx.Text|table
---@param options? ctx.ReplyOptions
---@return telegram.Message message
---@return telegram.Message[]? all
function ctx:send(chat_id, text, options) end

---Send a photo to this chat: sendPhoto. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param photo any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_photo(photo, options) end

---Send a live photo to this chat: sendLivePhoto. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param live_photo any
---@param photo any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_live_photo(live_photo, photo, options) end

---Send an audio to this chat: sendAudio. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param audio any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_audio(audio, options) end

---Send a document to this chat: sendDocument. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param document any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_document(document, options) end

---Send a video to this chat: sendVideo. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param video any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_video(video, options) end

---Send an animation to this chat: sendAnimation. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param animation any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_animation(animation, options) end

---Send a voice to this chat: sendVoice. A file_id, a URL or a `bot.file()`. What is too long
---for a caption follows as messages. Waits.
---@param voice any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_voice(voice, options) end

---Send a video note to this chat: sendVideoNote. A file_id, a URL or a `bot.file()`. Waits.
---@param video_note any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_video_note(video_note, options) end

---Send a sticker to this chat: sendSticker. A file_id, a URL or a `bot.file()`. Waits.
---@param sticker any
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_sticker(sticker, options) end

---Send a media group to this chat: sendMediaGroup. Waits.
---@param media table[]
---@param options? ctx.ReplyOptions
---@return telegram.Message[] message
function ctx:reply_media_group(media, options) end

---Send a paid media to this chat: sendPaidMedia. What is too long
---for a caption follows as messages. Waits.
---@param star_count integer
---@param media table[]
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_paid_media(star_count, media, options) end

---Send a location to this chat: sendLocation. Waits.
---@param latitude number
---@param longitude number
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_location(latitude, longitude, options) end

---Send a venue to this chat: sendVenue. Waits.
---@param latitude number
---@param longitude number
---@param title string
---@param address string
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_venue(latitude, longitude, title, address, options) end

---Send a contact to this chat: sendContact. Waits.
---@param phone_number string
---@param first_name string
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_contact(phone_number, first_name, options) end

---Send a poll to this chat: sendPoll. Waits.
---@param question ctx.Text
---@param answers string[]|table[]
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_poll(question, answers, options) end

---Send a dice to this chat: sendDice. Waits.
---@param emoji? string
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_dice(emoji, options) end

---Send a game to this chat: sendGame. Waits.
---@param game_short_name string
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_game(game_short_name, options) end

---Send an invoice to this chat: sendInvoice. Waits.
---@param title string
---@param description string
---@param payload string
---@param currency string
---@param prices telegram.LabeledPrice[]
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_invoice(title, description, payload, currency, prices, options) end

---Send a checklist to this chat: sendChecklist. Waits.
---@param checklist telegram.InputChecklist
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_checklist(checklist, options) end

---Send a rich message to this chat: sendRichMessage. Waits.
---@param rich_message telegram.InputRichMessage
---@param options? ctx.ReplyOptions
---@return telegram.Message message
function ctx:reply_rich_message(rich_message, options) end

---Change the message with the button, or the update's own; by what it is: its text, its
---caption, and with a table its media or only its buttons. Waits.
---@param text ctx.Text|table A text; or `{ text =, caption =, media =, reply_markup = }`.
---@param options? ctx.MessageOptions
---@return telegram.Message|boolean message false: it was so already.
function ctx:edit(text, options) end

---Delete the update's message, another one, or a list of them. Waits.
---@param message? integer|telegram.Message|(integer|telegram.Message)[]
---@return boolean deleted false: it was gone already.
function ctx:delete(message) end

---Answer a press (a text is a toast, with `{ show_alert = true }` an alert), an inline
---query (a list of results), a pre-checkout query (nothing, or why not), a shipping
---query (a list of options, or why not), a guest query (a result). Waits.
---@param value? string|boolean|table
---@param options? table
---@return any
function ctx:answer(value, options) end

---React to the message: an emoji, a custom emoji's id, a list; nothing takes it back. Waits.
---@param emoji? string|table
---@param options? ctx.MessageOptions
---@return boolean
function ctx:react(emoji, options) end

---What an update "message_reaction" has changed: lists of emoji (or custom emoji's ids).
---@return { now: string[], added: string[], removed: string[] }
function ctx:reactions() end

---Show "typing …", or another action ("upload_photo"). With a function it is shown
---until that returns. Waits.
---@param action? string|fun(ctx: ctx): ...
---@param f? fun(ctx: ctx): ...
---@return any ... What the function returned.
function ctx:typing(action, f) end

---Forward this message, or others. Waits.
---@param to integer|string|telegram.Chat|telegram.User
---@param options? ctx.MessageOptions
---@return any
function ctx:forward(to, options) end

---Copy this message, or others, without a link to the original. Waits.
---@param to integer|string|telegram.Chat|telegram.User
---@param options? ctx.MessageOptions
---@return any
function ctx:copy(to, options) end

---Pin this message or another. Waits.
---@param message? integer|telegram.Message
---@param options? table
---@return boolean
function ctx:pin(message, options) end

---Unpin a message; without one the last that was pinned. Waits.
---@param message? integer|telegram.Message
---@return boolean
function ctx:unpin(message) end

---Unpin all messages of the chat. Waits.
---@return boolean
function ctx:unpin_all() end

---The bot leaves the chat. Waits.
---@return boolean
function ctx:leave() end

---A file that somebody sent; the same as bot.download(). Waits.
---@param file_id string
---@param name_or_sink? string|fun(piece: string)
---@return any
function ctx:download(file_id, name_or_sink) end

---Does this update pass a filter of bot.on(), or one of a list?
---@param filter bot.filter|bot.filter[]
---@return boolean
function ctx:has(filter) end

---Has this chat a value of its own for a setting? Waits when it is not in memory.
---@param path string "welcome.text"
---@return boolean
function ctx:is_set(path) end

---A text of locales/ in the language of the chat or the person: `require "i18n"`.
---@param key string
---@param values? table
---@return string
function ctx:t(key, values) end

---The same as HTML: the values are escaped.
---@param key string
---@param values? table
---@return fmt.Text
function ctx:t_html(key, values) end

---Whom a command is about: who is mentioned, or whose id stands, right behind it; else
---who wrote the message it replies to. May wait.
---@return telegram.User|telegram.Chat|nil who A Chat: a channel, or the group itself. nil: nobody is named.
---@return string rest What else stands behind the command; or what to say when nobody is named.
function ctx:target() end

---What somebody is in this chat; remembered for a minute, or until it changes. Waits.
---@param user? ctx.User This person unless it is said.
---@return telegram.ChatMember? member nil: Telegram finds no such person here.
function ctx:member(user) end

---Is this person, or another, an administrator here? In private always. Waits.
---@param user? ctx.User
---@return boolean
function ctx:is_admin(user) end

---Does the chat belong to this person, or another? In private always. Waits.
---@param user? ctx.User
---@return boolean
function ctx:is_creator(user) end

---An administrator's rights: `rights.can_restrict_members`; empty for others. Waits.
---@param user? ctx.User
---@return table<string, boolean>
function ctx:rights(user) end

---The bot's own rights here. Waits.
---@return table<string, boolean>
function ctx:my_rights() end

---Tell anybody who is no administrator so, and end the handler. Waits.
---@param text? string Instead of "Only administrators can do this."
function ctx:require_admin(text) end

---End the handler, and say which right is missing, unless this person and the bot have
---all of these. Waits.
---@param right string|{ text: string } "can_restrict_members", …; or a list, that may have a text.
---@param ... string
function ctx:require_rights(right, ...) end

---The same of the bot alone. Waits.
---@param right string|{ text: string }
---@param ... string
function ctx:require_my_rights(right, ...) end

---Ban somebody; a Chat: the channel that writes here. Waits.
---@param user ctx.User
---@param duration? ctx.Duration|{ duration: ctx.Duration, delete: boolean } For ever unless it is said; 31 seconds at least.
---@param options? { delete: boolean } delete: their messages, too.
---@return boolean
function ctx:ban(user, duration, options) end

---Lift a ban. Waits.
---@param user ctx.User
---@return boolean
function ctx:unban(user) end

---Remove somebody, who may come back. Waits.
---@param user ctx.User
---@return boolean
function ctx:kick(user) end

---Somebody can read, and say nothing. Waits.
---@param user ctx.User
---@param duration? ctx.Duration For ever unless it is said.
---@return boolean
function ctx:mute(user, duration) end

---Lift all restrictions of somebody. Waits.
---@param user ctx.User
---@return boolean
function ctx:unmute(user) end

---Take permissions away from somebody. Waits.
---@param user ctx.User
---@param permissions string[]|telegram.ChatPermissions `{ "can_send_photos" }`: what is taken; or all, as Telegram has them.
---@param duration? ctx.Duration
---@return boolean
function ctx:restrict(user, permissions, duration) end

---Make somebody an administrator. Waits.
---@param user ctx.User
---@param rights? string[]|table<string, boolean> A moderator's unless it is said.
---@return boolean
function ctx:promote(user, rights) end

---Make an administrator a member again. Waits.
---@param user ctx.User
---@return boolean
function ctx:demote(user) end

---What stands beside an administrator's name. Waits.
---@param user ctx.User
---@param text string
---@return boolean
function ctx:title(user, text) end

---Let somebody in who has asked to join. Waits.
---@param user? ctx.User Who has just asked, unless it is said.
---@return boolean
function ctx:approve(user) end

---Refuse somebody who has asked to join. Waits.
---@param user? ctx.User
---@return boolean
function ctx:decline(user) end

---An entity and what it covers.
---@class ctx.Entity: telegram.MessageEntity
---@field text string

---The entities of the text or caption, or those of some types, each with its `text`.
---@param ... string "url", "text_link" …
---@return ctx.Entity[]
function ctx:entities(...) end

---What an entity of this message covers.
---@param entity telegram.MessageEntity
---@return string
function ctx:entity_text(entity) end

-- --- questions ---------------------------------------------------------------------

---@class ctx.WaitOptions
---@field timeout? string|number "10m", or seconds; an hour unless it is said, 30 days at most.
---@field from? "anyone"|integer Whose answer it is, unless this person's.
---@field in? "chat"|"private" Where; "private" asks the person there.
---@field commands? "pass"|"end"|"take" What a command does that comes meanwhile: "pass" (it is carried out, the question stays) unless it is said.
---@field cancel? string|false The word that cancels; "/cancel" for ctx:ask(), none for ctx:wait() unless it is said.
---@field ended? string What the chat is told if the program ends meanwhile.

---@class ctx.AskOptions: ctx.WaitOptions
---@field kind? string "text" (unless it is said), "number", "integer", "photo", "document", "location", …, "any", or a filter.
---@field choices? (string|{ [1]: string, [2]: any })[] Buttons: { "red", { "green", 2 } }.
---@field columns? integer Of the buttons.
---@field keyboard? "inline"|"reply"
---@field other? boolean Other answers than the choices are taken, too.
---@field check? fun(value: any, answer: ctx): any, string? What the answer means, or nil and why it can't be.
---@field min? number Of numbers; of texts, in characters.
---@field max? number
---@field retry? string What is said to an answer that can't be.
---@field tries? integer How many answers there may be: 10.
---@field cancelled? string|table|false What is said when it was cancelled.
---@field timed_out? string|table|false What is said when its time is over.
---@field stop? boolean Without an answer the handler ends.
---@field keep_buttons? boolean They stay after the answer.
---@field force_reply? boolean In groups: true unless it is said.

---Ask, and wait for the next message of this person in this chat and topic. Waits; the
---chat goes on meanwhile, and `TASK_TIMEOUT_S` begins anew with the answer.
---@param question? string|table A text, or sendMessage's parameters.
---@param options? ctx.AskOptions
---@return any answer nil: there is none
---@return ctx|string why The answer's own ctx, or why there is none: "cancelled", "timeout", "tries", "replaced", "command", "moved", "ended".
function ctx:ask(question, options) end

---Wait for the next update of this person in this chat and topic that a filter takes.
---Waits as ctx:ask().
---@param filter? string As of bot.on(); any message unless it is said.
---@param options? ctx.WaitOptions
---@return ctx? answer Its ctx.
---@return string? why
function ctx:wait(filter, options) end
