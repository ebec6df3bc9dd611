---@meta

---Questions to people: ctx:ask() and ctx:wait().
---@class ctx
local ctx = {}

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
---@field cancelled? string|table What is said when it was cancelled.
---@field timed_out? string|table What is said when its time is over.
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
