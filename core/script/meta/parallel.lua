---@meta parallel

---Several things of one handler at once. Each function may wait, sees the same ctx
---and settings, and ends with the handler. An error of one ends the others and is
---raised; 64 run at a time.
---@class parallel
---@overload fun(...: fun(): any): ...
local parallel = {}

---One result of a function that parallel.settle() has run.
---@class parallel.Outcome
---@field ok boolean
---@field value? any What it returned first, if it went well.
---@field error? any What it raised, if not.

---Runs the functions of a list at once. Waits.
---@param functions (fun(): any)[]
---@return { n: integer, [integer]: any } results The first result of each, in order.
function parallel.all(functions) end

---f(item, index) for each element of a list, n of them at a time. Waits.
---@generic T, R
---@param list T[]
---@param n integer 1 to 64
---@param f fun(item: T, index: integer): R
---@return { n: integer, [integer]: R } results
function parallel.map(list, n, f) end

---The first function that ends, well or not, ends the others. Waits.
---@param ... fun(): any
---@return any result What it returned first; what it raised is raised.
---@return integer number Which one it was.
function parallel.race(...) end

---Runs functions at once, and all of them to their ends: errors are collected. Waits.
---@param ... fun(): any
---@return { n: integer, [integer]: parallel.Outcome } outcomes
function parallel.settle(...) end

return parallel
