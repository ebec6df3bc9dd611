---@meta crypto

---Digests, random values, encodings, and whether something is Telegram's.
local crypto = {}

---@alias crypto.Encoding "hex"|"raw"|"base64"|"base64url"

---@param text string
---@param encoding? crypto.Encoding "hex" unless it is said.
---@return string
function crypto.md5(text, encoding) end

---@param text string
---@param encoding? crypto.Encoding
---@return string
function crypto.sha1(text, encoding) end

---@param text string
---@param encoding? crypto.Encoding "hex" unless it is said.
---@return string
function crypto.sha256(text, encoding) end

---@param text string
---@param encoding? crypto.Encoding
---@return string
function crypto.sha512(text, encoding) end

---@param key string
---@param text string
---@param encoding? crypto.Encoding
---@return string
function crypto.hmac_sha1(key, text, encoding) end

---@param key string
---@param text string
---@param encoding? crypto.Encoding "hex" unless it is said.
---@return string
function crypto.hmac_sha256(key, text, encoding) end

---@param key string
---@param text string
---@param encoding? crypto.Encoding
---@return string
function crypto.hmac_sha512(key, text, encoding) end

---So many random bytes, at most 65536; as they are unless the encoding is said.
---@param n integer
---@param encoding? crypto.Encoding
---@return string
function crypto.random(n, encoding) end

---A random whole number from a to b that nobody can guess.
---@param a integer
---@param b integer
---@return integer
function crypto.integer(a, b) end

---A random UUID (version 4).
---@return string
function crypto.uuid() end

---Are they equal? Takes as long whatever they differ in: for secrets.
---@param a string
---@param b string
---@return boolean
function crypto.equal(a, b) end

---@param bytes string
---@return string
function crypto.hex(bytes) end

---@param bytes string
---@return string
function crypto.base64(bytes) end

---As it stands in URLs: - and _ for + and /, no =.
---@param bytes string
---@return string
function crypto.base64url(bytes) end

---Both kinds, with = or without; nil if it is none.
---@param text string
---@return string? bytes
function crypto.from_base64(text) end

---nil if it is no hex.
---@param text string
---@return string? bytes
function crypto.from_hex(text) end

---The fields of a Web App's initData (`user` and `chat` as tables), if Telegram has signed it for this bot within max_age seconds; else nil and why.
---@param init_data string
---@param max_age? integer Seconds; a day unless it is said, 0 for any age.
---@return table? fields
---@return string? why
function crypto.check_web_app(init_data, max_age) end

---The same for what the login widget gives.
---@param fields table
---@param max_age? integer
---@return table? fields
---@return string? why
function crypto.check_login(fields, max_age) end

return crypto
