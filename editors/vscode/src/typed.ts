// What a person types: an id, a time, a revision, the key of a row; and what is wrong with it.

import { digits, written } from "./answer";

/** The id that a person typed: `550e`, `req:550e8400`, or the service's own; nothing for what cannot be one. */
export function typedId(text: string): string | undefined {
  const id = text.trim().replace(/^req:/i, "");
  if (/^[0-9a-f]{4,32}$/i.test(id)) {
    return id.toLowerCase();
  }
  // An id of the service's own has a digit in it; a word that somebody looks for has not.
  return /^[\w.:-]{6,128}$/.test(id) && /\d/.test(id) ? id : undefined;
}

/** What is wrong with what was typed for a time. */
export function wrongWindow(text: string): string | undefined {
  const typed = text.trim();
  const age = /^\d+(\.\d+)?\s*(s|m|min|h|d)$/;
  const span = /^\S.*(-|\.\.)\s*\S+$/;
  return age.test(typed) || span.test(typed) ? undefined : "A time such as 30m, 2h or 14:00-14:30";
}

/** What is wrong with what was typed for a revision. */
export function wrongRevision(text: string, needed: boolean): string | undefined {
  const typed = text.trim();
  if (typed === "") {
    return needed ? "Which revision was good?" : undefined;
  }
  return /^-|[\s\x00-\x1f\x7f]|\.\.|[~^:]{2}|[?*[\\]/.test(typed) ? `${typed} cannot be a revision` : undefined;
}

/** A key as the terminal takes it: its value, or the values by name where there are several. */
export function typedKey(key: Readonly<Record<string, unknown>>): string {
  const values = Object.entries(key).map(([name, value]) => [name, digits(value) ?? value] as const);
  if (values.length === 1) {
    const [, value] = values[0] ?? [];
    return typeof value === "object" ? written(key) : String(value);
  }
  const simple = values.every(([, value]) => typeof value === "number" || /^[\w.-]+$/.test(String(value)));
  return simple ? values.map(([name, value]) => `${name}=${value}`).join(",") : written(key);
}
