---@meta db

---SQL of your own, on connections of its own: `require "db"`. Parameters are `$1`,
---`$2`, …; never put what people typed into the SQL itself.
---@class db
---@field null lightuserdata NULL, where nil can't be: in `db.array{ … }`; the same as `cjson.null`
local db = {}

---A value that can be a parameter: nil, booleans, numbers, strings, `db.null`,
---`db.array{ … }`, `db.bytes(…)`; any other table is sent as JSON.
---@alias db.Value nil|boolean|number|string|table|lightuserdata

---@alias db.Row table<string, any>

---The rows of an answer; `n` is how many rows were read or changed.
---@class db.Rows: db.Row[]
---@field n integer

---What db raises when PostgreSQL says no, or can't be asked.
---@class db.Error
---@field kind "database"
---@field message string
---@field where string
---@field sqlstate string? PostgreSQL's code: "23505" is a unique violation; nil: the error is not the server's
---@field detail string?
---@field hint string?
---@field constraint string?
---@field table string?
---@field column string?
---@field maybe_done boolean it may have been carried out all the same

---All rows. Waits.
---@param sql string one statement
---@param ... db.Value
---@return db.Rows
function db.query(sql, ...) end

---The first row, or nil. Waits.
---@param sql string
---@param ... db.Value
---@return db.Row?
function db.one(sql, ...) end

---The first column of the first row, or nil. Waits.
---@param sql string
---@param ... db.Value
---@return any
function db.value(sql, ...) end

---How many rows it changed. Waits.
---@param sql string
---@param ... db.Value
---@return integer
function db.exec(sql, ...) end

---@class db.TransactionOptions
---@field isolation? "read committed"|"repeatable read"|"serializable"
---@field read_only? boolean
---@field retry? integer how often it is begun anew after a serialization failure or a deadlock: 3; 0 to 20

---Runs the function in a transaction, and gives what it returns once that is
---committed. An error in it rolls back, and is raised. Inside of another one it is a
---savepoint. What the function does besides may happen more than once: see `retry`. Waits.
---@param f fun(tx: db.Transaction): ...
---@param options? db.TransactionOptions
---@return ...
function db.transaction(f, options) end

---A list that is sent as an array of PostgreSQL: `WHERE id = ANY ($1)`.
---@param list any[]
---@return any[]
function db.array(list) end

---Bytes that are sent as bytea.
---@param bytes string
---@return table
function db.bytes(bytes) end

---An open transaction: its functions are those of `db`.
---@class db.Transaction
local tx = {}

---All rows. Waits.
---@param sql string
---@param ... db.Value
---@return db.Rows
function tx.query(sql, ...) end

---The first row, or nil. Waits.
---@param sql string
---@param ... db.Value
---@return db.Row?
function tx.one(sql, ...) end

---The first column of the first row, or nil. Waits.
---@param sql string
---@param ... db.Value
---@return any
function tx.value(sql, ...) end

---How many rows it changed. Waits.
---@param sql string
---@param ... db.Value
---@return integer
function tx.exec(sql, ...) end

---A savepoint: an error in the function undoes what it did, and is raised. Waits.
---@param f fun(tx: db.Transaction): ...
---@return ...
function tx.transaction(f) end

return db
