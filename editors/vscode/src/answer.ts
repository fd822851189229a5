// The answers of commands, read from JSON text so that an integer that a double would round keeps its digits.

/** What the client says in `experimental` to be answered in JSON text. */
export const CAPABILITY = { flux: { json: true } } as const;

/**
 * `{"$int": "9007199254740993"}` is such an integer, as the recorder's marks are values that JSON has no form for. It is
 * plain data, which a page is sent as well. What was recorded never looks like it: there, a leading `$` is doubled.
 */
const INTEGER = "$int";

/** The data of an answer beside its text and its address; an answer without JSON text as it is. */
export function read(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null || !("json" in answer) || typeof answer.json !== "string") {
    return answer;
  }
  const { json, ...beside } = answer;
  return { ...(parsed(json as string) as object), ...beside };
}

/** The value of JSON text. Where the engine does not show how a number was written, it is what the double holds. */
export function parsed(text: string): unknown {
  return JSON.parse(text, exact);
}

function exact(_name: string, value: unknown, written?: { readonly source?: string }): unknown {
  if (typeof value === "number") {
    const source = written?.source;
    const rounded = source !== undefined && /^-?\d+$/.test(source) && value !== 0 && String(value) !== source;
    return rounded ? { [INTEGER]: source } : value;
  }
  const alike = digits(value);
  return alike === undefined ? value : { [`$${INTEGER}`]: alike };
}

/** The digits of an integer that a double would round; nothing for any other value. */
export function digits(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !(INTEGER in value) || Object.keys(value).length > 1) {
    return undefined;
  }
  const told = value[INTEGER];
  return typeof told === "string" && /^-?\d+$/.test(told) ? told : undefined;
}

/** A value as JSON text again. */
export function written(value: unknown): string {
  // No quote inside of a text stands by itself, so this is never a part of one.
  return JSON.stringify(value).replace(/\{"\$int":"(-?\d+)"\}/g, "$1");
}
