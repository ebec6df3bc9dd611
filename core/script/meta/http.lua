---@meta http

---Requests to other servers. Each waits, and stores first what was assigned to
---settings. What can't be reached raises an http.Error; an answer of any status is an
---answer.
local http = {}

---A file to send: one of path (as for bot.file) and content (bytes).
---@class http.File
---@field path? string
---@field content? string
---@field filename? string The last part of the path unless it is said.
---@field content_type? string

---What is raised when there is no answer, or by answer:check().
---@class http.Error
---@field kind "network"|"timeout"|"usage"|"system"|"status"
---@field reason "timeout"|"name"|"connect"|"tls"|"lost"|"address"|"too_large"|"redirects"|"url"|"file"|"status"
---@field message string For people.
---@field where string Where the script was: `"scripts/weather.lua:7: "`
---@field maybe_sent? boolean It may have been carried out all the same; of a GET always false.
---@field status? integer Of answer:check().
---@field answer? http.Response The same.

---@class http.Options
---@field headers? table<string, string|string[]>
---@field auth? { user: string, password?: string } Authorization: Basic.
---@field bearer? string Authorization: Bearer.
---@field cookies? table<string, string>
---@field query? table<string, string|number|boolean|(string|number)[]> Appended to the URL, escaped.
---@field json? any The body, as JSON.
---@field form? table<string, string|number|boolean|(string|number)[]> The body, as a web page's form sends it.
---@field files? table<string, http.File|bot.File|(http.File|bot.File)[]> With the fields of form, as multipart/form-data.
---@field body? string|http.File|bot.File The body as it is, or a file.
---@field type? string Its Content-Type; text/plain unless it is said, of a file its content_type, or application/octet-stream.
---@field timeout? string|number Redirects, tries and waiting in line included: "10s". `HTTP_TIMEOUT_S` unless it is said; with a sink or a file 10 minutes.
---@field connect_timeout? string|number Of it, to connect; 10 s unless it is said.
---@field try_timeout? string|number Of it, for one try.
---@field retries? integer So many tries more, at most 10, of what does no harm twice; as Retry-After says, or after 0.5 s, 1 s, ….
---@field max_bytes? integer Of the answer, unpacked. 4 MiB, or with a sink `HTTP_MAX_MB`, unless it is said; `HTTP_MAX_MB` at most.
---@field follow? integer|boolean How many redirects, at most 20; 5 unless it is said, 0 or false for none.
---@field sink? string|fun(piece: string) Where the body of a 2xx goes: a file in the data folder, or a function that gets it in pieces and may wait.

---@class http.Request: http.Options
---@field method? string GET unless it is said.
---@field url string

---@class http.Response
---@field status integer 200
---@field ok boolean Is the status 200 to 299?
---@field method string The last one, after redirects: "GET".
---@field url string The last one, after redirects.
---@field cookies table<string, string> That it sets.
---@field headers table<string, string> By name, in capitals or not. Of several with one name: with commas between, Set-Cookie with line breaks.
---@field body? string nil when it went into a sink.
---@field path? string Of the file that a sink made, for bot.file().
---@field size? integer Bytes that went into a sink.
local Response = {}

---What the body says; an error if it is no JSON.
---@return any
function Response:json() end

---The answer itself if its status is 200 to 299; else an http.Error of kind "status".
---@return http.Response
function Response:check() end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.get(url, options) end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.head(url, options) end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.post(url, options) end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.put(url, options) end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.patch(url, options) end

---Waits.
---@param url string
---@param options? http.Options
---@return http.Response
function http.delete(url, options) end

---What somebody wrote as a piece of a URL's path: "a b/c" is "a%20b%2Fc". `query` needs
---no such care.
---@param text string|number
---@return string
function http.escape(text) end

---Any method, with everything in one table. Waits.
---@param request http.Request
---@return http.Response
function http.request(request) end

return http
