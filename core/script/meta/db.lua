---@meta db

---SQL of your own, on connections of its own: `require "db"`. Parameters are `$1`,
---`$2`, …; never put what people typed into the SQL itself.
---@class moonpost.db
---@field null lightuserdata NULL, where nil can't be: in `db.array{ … }`; the same as `cjson.null`
local db = {}

---A value that can be a parameter: nil, booleans, numbers, strings, `db.null`,
---`db.array{ … }`, `db.bytes(…)`; any other table is sent as JSON.
---@alias moonpost.db.value nil|boolean|number|string|table|lightuserdata

---@alias moonpost.db.row table<string, any>

---The rows of an answer; `n` is how many rows were read or changed.
---@class moonpost.db.rows: moonpost.db.row[]
---@field n integer

---What db raises when PostgreSQL says no, or can't be asked.
---@class moonpost.db.error
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
---@param ... moonpost.db.value
---@return moonpost.db.rows
function db.query(sql, ...) end

---The first row, or nil. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return moonpost.db.row?
function db.one(sql, ...) end

---The first column of the first row, or nil. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return any
function db.value(sql, ...) end

---How many rows it changed. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return integer
function db.exec(sql, ...) end

---@class moonpost.db.transaction_options
---@field isolation? "read committed"|"repeatable read"|"serializable"
---@field read_only? boolean
---@field retry? integer how often it is begun anew after a serialization failure or a deadlock: 3; 0 to 20

---Runs the function in a transaction, and gives what it returns once that is
---committed. An error in it rolls back, and is raised. Inside of another one it is a
---savepoint. What the function does besides may happen more than once: see `retry`. Waits.
---@param f fun(tx: moonpost.db.tx): ...
---@param options? moonpost.db.transaction_options
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
---@class moonpost.db.tx
local tx = {}

---All rows. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return moonpost.db.rows
function tx.query(sql, ...) end

---The first row, or nil. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return moonpost.db.row?
function tx.one(sql, ...) end

---The first column of the first row, or nil. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return any
function tx.value(sql, ...) end

---How many rows it changed. Waits.
---@param sql string
---@param ... moonpost.db.value
---@return integer
function tx.exec(sql, ...) end

---A savepoint: an error in the function undoes what it did, and is raised. Waits.
---@param f fun(tx: moonpost.db.tx): ...
---@return ...
function tx.transaction(f) end

return db
