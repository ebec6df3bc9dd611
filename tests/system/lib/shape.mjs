// Is a value what the Bot API's documentation says? Every required field is
// there, each has a declared type, and there is none the type does not know.
// Written apart from the simulator's own check, as a second opinion.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./program.mjs";

const file = path.join(root, "core/telegram/spec/bot-api-10.3.json");
export const spec = JSON.parse(readFileSync(file, "utf8"));

const scalars = {
  Integer: (v) => Number.isSafeInteger(v),
  Float: (v) => typeof v === "number",
  String: (v) => typeof v === "string",
  Boolean: (v) => typeof v === "boolean",
};

// What a field must hold, by its description: always “emoji”.
const constant = (field) =>
  field.description?.match(/always “([a-z_]+)”/)?.[1] ?? field.description?.match(/must be ([a-z_]+)\.?$/)?.[1];

// The reasons why value is not of the type; [] if it is.
function problems(type, value, at) {
  const element = type.match(/^Array of (.*)$/)?.[1];
  if (element) {
    if (!Array.isArray(value)) return [`${at} is no array`];
    return value.flatMap((v, i) => problems(element, v, `${at}[${i}]`));
  }
  if (scalars[type]) return scalars[type](value) ? [] : [`${at} is no ${type}: ${JSON.stringify(value)}`];
  const declared = spec.types[type];
  assert.ok(declared, `the documentation has no ${type}`);
  if (declared.subtypes?.length) return anyOf(declared.subtypes, value, at);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at} is no ${type}`];
  return objectProblems(declared, value, at);
}

function objectProblems(declared, value, at) {
  const known = new Set(declared.fields.map((f) => f.name));
  const found = Object.keys(value).filter((k) => !known.has(k)).map((k) => `${at}.${k}: ${declared.name} has no such field`);
  for (const field of declared.fields) {
    const v = value[field.name];
    const word = declared.subtype_of ? constant(field) : undefined;
    if (v === undefined) {
      if (field.required) found.push(`${at}.${field.name} is missing`);
    } else if (word !== undefined && v !== word) {
      found.push(`${at}.${field.name} is not ${word}`);
    } else {
      found.push(...anyOf(field.types, v, `${at}.${field.name}`));
    }
  }
  return found;
}

function anyOf(types, value, at) {
  const all = types.map((type) => problems(type, value, at));
  return all.reduce((best, one) => (one.length < best.length ? one : best));
}

export function assertShape(type, value) {
  assert.deepEqual(problems(type, value, type), []);
}

// Each answer of the Bot API to a method.
export function assertResult(method, result) {
  assert.deepEqual(anyOf(spec.methods[method].returns, result, method), []);
}
