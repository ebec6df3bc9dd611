---@meta http

---Requests to other servers. Each waits, and stores first what was assigned to
---settings. What can't be reached raises an error object of kind "network" or
---"timeout"; an answer of any status is an answer.
local http = {}

---@class http.Options
---@field headers? table<string, string|string[]>
---@field query? table<string, string|number|boolean|(string|number)[]> Appended to the URL, escaped.
---@field json? any The body, as JSON.
---@field form? table<string, string|number|boolean|(string|number)[]> The body, as a web page's form sends it.
---@field body? string The body as it is.
---@field type? string Its Content-Type; text/plain unless it is said.
---@field timeout? string|number Redirects and waiting in line included: "10s". `HTTP_TIMEOUT_S` unless it is said; with a sink 10 minutes.
---@field max_bytes? integer Of the answer, unpacked. 4 MiB, or with a sink `HTTP_MAX_MB`, unless it is said; `HTTP_MAX_MB` at most.
---@field follow? integer|boolean How many redirects, at most 20; 5 unless it is said, 0 or false for none.
---@field sink? string|fun(piece: string) Where the body of a 2xx goes: a file in the data folder, or a function that gets it in pieces and may wait.

---@class http.Request: http.Options
---@field method? string GET unless it is said.
---@field url string

---@class http.Response
---@field status integer 200
---@field ok boolean Is the status 200 to 299?
---@field url string The last one, after redirects.
---@field headers table<string, string> By name, in capitals or not. Of several with one name: with commas between, Set-Cookie with line breaks.
---@field body? string nil when it went into a sink.
---@field path? string Of the file that a sink made, for bot.file().
---@field size? integer Bytes that went into a sink.
local Response = {}

---What the body says; an error if it is no JSON.
---@return any
function Response:json() end

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

---Any method, with everything in one table. Waits.
---@param request http.Request
---@return http.Response
function http.request(request) end

return http
