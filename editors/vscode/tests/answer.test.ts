// Answers read from JSON text, and the integers in them that a double would round.

import { setFlagsFromString } from "node:v8";
import { afterEach, describe, expect, test, vi } from "vitest";
import { digits, parsed, read, written } from "../src/answer";
import { typedKey } from "../src/typed";
import { lines } from "../src/views/model/comparison";
import { columns, rowName } from "../src/views/model/rows";
import { bare, inside, pairs, words } from "../src/views/model/values";
import { diff, span } from "./views/shapes";

let shown: string | undefined;
const source = (_name: string, value: unknown, how?: { source?: string }) => {
  shown = how?.source ?? shown;
  return value;
};
JSON.parse("1", source);
if (shown === undefined) {
  // Node 20 has it behind a flag; editors have it without one.
  setFlagsFromString("--harmony-json-parse-with-source");
}
afterEach(() => vi.restoreAllMocks());

describe("numbers", () => {
  test.each([
    ["0", 0],
    ["-0", -0],
    ["42", 42],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992],
    ["-9007199254740992", -9007199254740992],
    ["9007199254740993", { $int: "9007199254740993" }],
    ["-9007199254740993", { $int: "-9007199254740993" }],
    ["175928847299117063", { $int: "175928847299117063" }],
    ["9223372036854775807", { $int: "9223372036854775807" }],
    ["1000000000000000000000", { $int: "1000000000000000000000" }],
    ["1.0", 1],
    ["0.1", 0.1],
    ["0.10000000000000000555", 0.1],
    ["9007199254740993.0", 9007199254740992],
    ["1e21", 1e21],
    ["9007199254740993e0", 9007199254740992],
    ["-1.5E-7", -1.5e-7],
    ['"9007199254740993"', "9007199254740993"],
    ['"id 9007199254740993, and \\"9007199254740995\\""', 'id 9007199254740993, and "9007199254740995"'],
    ["null", null],
    ["true", true],
  ])("%s", (text, expected) => {
    expect(parsed(text)).toEqual(expected);
    expect(parsed(`{"a": [1, {"b": ${text}}]}`)).toEqual({ a: [1, { b: expected }] });
  });

  test.each([
    ['{"$int": "9007199254740993"}', { $$int: "9007199254740993" }, '{"$int": "9007199254740993"}'],
    ['{"$$int": "9007199254740993"}', { $$int: "9007199254740993" }, '{"$int": "9007199254740993"}'],
    ['{"\\u0024int": "1"}', { $$int: "1" }, '{"$int": "1"}'],
    ['{"$int": 9007199254740993}', { $int: { $int: "9007199254740993" } }, "{$int: 9007199254740993}"],
    ['{"$int": "1", "b": 2}', { $int: "1", b: 2 }, '{$int: "1", b: 2}'],
    ['{"$int": "one"}', { $int: "one" }, '{$int: "one"}'],
    ['["$int", "1"]', ["$int", "1"], '["$int", "1"]'],
  ])("%s was recorded so, and is no number", (text, expected, reads) => {
    const value = parsed(text);
    expect(value).toEqual(expected);
    expect(digits(value)).toBeUndefined();
    expect(words(value, 200)).toBe(reads);
  });

  test("where the engine does not show how they were written, they are what a double holds", () => {
    const parse = JSON.parse;
    vi.spyOn(JSON, "parse").mockImplementation((text, revive) =>
      parse(text, (name, value) => revive?.call({}, name, value)),
    );
    expect(parsed('[9007199254740993, 42, {"$int": "1"}]')).toEqual([9007199254740992, 42, { $$int: "1" }]);
  });
});

describe("answers", () => {
  test("the data stand beside text and address", () => {
    const json = '{"b": {"z": null, "a": 9007199254740993}, "a": []}';
    const answer = read({ json, uri: "flux://request/1/debug", text: "# 1" });
    expect(answer).toEqual({
      b: { z: null, a: { $int: "9007199254740993" } },
      a: [],
      uri: "flux://request/1/debug",
      text: "# 1",
    });
    expect(JSON.stringify(answer)).toMatch(/^\{"b":\{"z":null,"a":/);
  });

  test.each([[null], [undefined], ["text"], [[1]], [{ groups: [], text: "", uri: "" }], [{ json: { a: 1 } }]])(
    "%j is as it is",
    (answer) => expect(read(answer)).toBe(answer),
  );

  test.each([["9007199254740993"], ['{"a":[-9007199254740993,1],"b":"{\\"$int\\":\\"1\\"}","c":null}']])(
    "%s is written again as it was",
    (text) => expect(written(parsed(text))).toBe(text),
  );
});

describe("in words", () => {
  const id = parsed("9007199254740993");

  test("digits, without quotes", () => {
    expect(words(id, 200)).toBe("9007199254740993");
    expect(bare(id, 200)).toBe("9007199254740993");
    expect(words({ id, ids: [id] }, 200)).toBe("{id: 9007199254740993, ids: [9007199254740993]}");
    expect(pairs({ id }, 200)).toBe("id=9007199254740993");
    expect(inside(id)).toEqual([]);
  });

  test("after the way to a page, too", () => {
    expect(words(JSON.parse(JSON.stringify({ id })), 200)).toBe("{id: 9007199254740993}");
  });

  test("of a comparison: both sides, and each in whole", () => {
    const after = parsed("9007199254740995");
    const field = {
      path: "output.id",
      before: id,
      after,
      noise: false,
      change: "changed",
      before_path: "output.id",
      reason: null,
      repeats: false,
    } as const;
    const spans = [
      { change: "changed", before: span("get", 0), after: span("get", 0), fields: [field], noise: false },
    ] as const;
    expect(lines(diff({ spans }), false)[1]).toMatchObject({
      before: { text: "9007199254740993", whole: id },
      after: { text: "9007199254740995", whole: after },
    });
  });

  test("of a row: its name, its columns, its key as it is typed", () => {
    expect(rowName("users", { id })).toBe("users id=9007199254740993");
    const changed = {
      table: "users",
      key: { id: 1 },
      operation: "update",
      columns: { owner: { before: id, after: parsed("9007199254740995") } },
      outcome: "committed",
      span_id: "s",
      request_id: "r",
      at: "2026-05-01T12:00:00+00:00",
      frame: null,
    } as const;
    expect(columns(changed)).toEqual([{ name: "owner", before: "9007199254740993", after: "9007199254740995" }]);
    expect(typedKey({ id })).toBe("9007199254740993");
    expect(typedKey({ id, position: -2 })).toBe("id=9007199254740993,position=-2");
    expect(typedKey({ a: "x, y", id })).toBe('{"a":"x, y","id":9007199254740993}');
  });
});
