// Recorded values in words: what a recorder marked (cut, bytes, not loaded, redacted) reads as what it stands for.

import { digits } from "../../answer";
import { cut, plain } from "./plain";

export const REDACTED = "[redacted]";

type Json = Readonly<Record<string, unknown>>;

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const LITERALS = new Set(["null", "none", "true", "false", "nan"]);
const DEEPEST = 4;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether an object stands for one value: a long integer, a text that was cut, bytes, what could not be read. */
export function isMark(value: unknown): value is Json {
  return isObject(value) && (digits(value) !== undefined || MARKS.some((mark) => mark in value));
}

const MARKS = ["$cut", "$bytes", "$ref", "$deep", "$unloaded", "$unreadable", "$float", "$repr"];

/** In at most so many characters: `{email: "alice@example.com", plan: null}`. */
export function words(value: unknown, limit: number): string {
  return cut(said(value, limit, 0), limit);
}

/** The same with a text by itself unquoted, unless it could be taken for something else: `free`. */
export function bare(value: unknown, limit: number): string {
  if (
    typeof value !== "string" ||
    value === "" ||
    value.trim() !== value ||
    LITERALS.has(value.toLowerCase()) ||
    !Number.isNaN(Number(value))
  ) {
    return words(value, limit);
  }
  return cut(plain(cut(value, limit)), limit);
}

/** The names and values of an object, without braces: `id=42, plan=null`. */
export function pairs(object: Json, limit: number, without: readonly string[] = []): string {
  return cut(joined(named(object, "=", without), limit, 0), limit);
}

/** A name in front of a value, in quotes where it is no plain one. */
export function nameWords(name: string): string {
  const escaped = /^\$(\$.*)$/.exec(name)?.[1];
  return NAME.test(name) || (name.startsWith("$") && escaped === undefined)
    ? plain(name)
    : quoted(escaped ?? name, 200);
}

/** What is inside of a value, each with its name; nothing for what stands by itself. */
export function inside(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  if (Array.isArray(value)) {
    return value.map((item, index) => [String(index), item]);
  }
  if (!isObject(value) || isMark(value)) {
    return [];
  }
  return Object.entries(value).filter(([name]) => name !== "$type");
}

/** The class that an object is of, without its module. */
export function className(value: unknown): string {
  return isObject(value) && typeof value.$type === "string" ? lastPart(value.$type) : "";
}

interface Part {
  readonly head: string;
  readonly value: unknown;
  /** In place of the value. */
  readonly words?: string;
}

function said(value: unknown, limit: number, depth: number): string {
  if (value === null || value === undefined) {
    return "null";
  }
  if (typeof value === "string") {
    return value === REDACTED ? value : quoted(value, limit);
  }
  if (Array.isArray(value)) {
    return `[${depth < DEEPEST ? joined(items(value), limit - 2, depth + 1) : "…"}]`;
  }
  if (!isObject(value)) {
    return plain(String(value));
  }
  return (
    markWords(value, limit, depth) ?? `{${depth < DEEPEST ? joined(named(value, ": "), limit - 2, depth + 1) : "…"}}`
  );
}

/** A value that is marked; nothing for an ordinary object. */
function markWords(value: Json, limit: number, depth: number): string | undefined {
  const integer = digits(value);
  if (integer !== undefined) {
    return integer;
  }
  if (typeof value.$cut === "string") {
    const note = typeof value.length === "number" ? ` (${size(value.length)})` : "";
    const text = quoted(value.$cut, Math.max(limit - note.length - 1, 8));
    return (text.endsWith('…"') ? text : `${text.slice(0, -1)}…"`) + note;
  }
  if (typeof value.$bytes === "string") {
    return bytesWords(value.$bytes, value.length, limit);
  }
  if ("$ref" in value) {
    return `<${lastPart(value.$ref)} again>`;
  }
  if ("$deep" in value) {
    const name = lastPart(value.$deep);
    return name === "dict" ? "{…}" : name === "list" ? "[…]" : `${name}(…)`;
  }
  if ("$unloaded" in value) {
    return "<not loaded>";
  }
  if ("$unreadable" in value) {
    return `<unreadable: ${lastPart(value.$unreadable)}>`;
  }
  if (typeof value.$float === "string") {
    return plain(value.$float);
  }
  if ("$repr" in value) {
    const told = value.$repr;
    return cut(plain(String(isObject(told) ? told.$cut : told)), limit);
  }
  if ("$type" in value) {
    const name = lastPart(value.$type);
    const told = depth < DEEPEST ? joined(named(value, "=", ["$type"]), limit - name.length - 2, depth + 1) : "…";
    return `${name}(${told})`;
  }
  return undefined;
}

function bytesWords(base64: string, length: unknown, limit: number): string {
  const raw = decoded(base64);
  const whole = typeof length !== "number" && raw.length <= limit;
  const note = ` (${size(typeof length === "number" ? length : raw.length)})`;
  const room = Math.max(limit - note.length - 3, 8);
  const text = raw
    .slice(0, limit)
    .replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `b'${whole && text.length <= room ? text : `${text.slice(0, room - 1)}…`}'${note}`;
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

function named(object: Json, sign: string, without: readonly string[] = []): Part[] {
  return Object.entries(object)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) =>
      name === "$more" ? { head: "", value, words: moreWords(value) } : { head: nameWords(name) + sign, value },
    );
}

function items(list: readonly unknown[]): Part[] {
  return list.map((item) =>
    isObject(item) && "$more" in item
      ? { head: "", value: item, words: moreWords(item.$more) }
      : { head: "", value: item },
  );
}

function moreWords(count: unknown): string {
  return typeof count === "number" ? `… ${count} more` : "…";
}

/** As many as there is room for. */
function joined(parts: readonly Part[], limit: number, depth: number): string {
  const kept: string[] = [];
  let room = limit;
  for (const [position, part] of parts.entries()) {
    const free = position < parts.length - 1 ? room - 3 : room;
    const text = part.words ?? part.head + said(part.value, Math.max(free - part.head.length, 8), depth);
    if (position > 0 && text.length > free) {
      kept.push("…");
      break;
    }
    kept.push(text);
    room -= text.length + 2;
  }
  return kept.join(", ");
}

function quoted(text: string, limit: number): string {
  const whole = text.length <= limit * 2 ? plain(text.replace(/["\\]/g, "\\$&")) : "";
  if (text === "" || (whole !== "" && whole.length <= limit - 2)) {
    return `"${whole}"`;
  }
  const kept = plain(cut(text, limit).slice(0, -1).replace(/["\\]/g, "\\$&"));
  return `"${cut(kept, Math.max(limit - 3, 1)).replace(/…$/, "")}…"`;
}

/** How much there was, in the units that people count files in. */
export function size(bytes: number): string {
  if (bytes < 1000) {
    return `${bytes} B`;
  }
  let rest = bytes;
  for (const unit of ["KB", "MB"]) {
    rest /= 1000;
    if (rest < 999.5) {
      return `${rest >= 10 ? rest.toFixed(0) : rest.toFixed(1)} ${unit}`;
    }
  }
  return `${(rest / 1000).toFixed(1)} GB`;
}

/** Nobody needs the module to know the class. */
function lastPart(name: unknown): string {
  const text = plain(String(name));
  return text.split(".").at(-1) || text;
}
