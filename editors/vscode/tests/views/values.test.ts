// Recorded values and rows in words.

import { describe, expect, test } from "vitest";
import type { RowShape, RowState } from "../../src/messages";
import { cut, firstLine, fromDifference, plain, units } from "../../src/views/model/plain";
import { certainty, columns, held, rowName } from "../../src/views/model/rows";
import { bare, className, inside, nameWords, pairs, size, words } from "../../src/views/model/values";

describe("values", () => {
  test.each([
    [null, "null"],
    [true, "true"],
    [42, "42"],
    [1.5, "1.5"],
    ["free", '"free"'],
    ["", '""'],
    ['say "é🙂" \\', '"say \\"é🙂\\" \\\\"'],
    ["[redacted]", "[redacted]"],
    ["a\nb\u202ec", '"a\\nb\\u202ec"'],
    [{ email: "a@b", plan: null }, '{email: "a@b", plan: null}'],
    [{}, "{}"],
    [[1, "a"], '[1, "a"]'],
    [{ "two words": 1, $$cut: 2 }, '{"two words": 1, "$cut": 2}'],
    [{ $cut: "abc", length: 12345 }, '"abc…" (12 KB)'],
    [{ $bytes: "aGk=" }, "b'hi' (2 B)"],
    [{ $bytes: "AP8=", length: 4000 }, "b'\\x00\\xff…' (4.0 KB)"],
    [{ $ref: "shop.models.User" }, "<User again>"],
    [{ $deep: "dict" }, "{…}"],
    [{ $deep: "shop.models.User" }, "User(…)"],
    [{ $unloaded: true }, "<not loaded>"],
    [{ $unreadable: "builtins.ValueError" }, "<unreadable: ValueError>"],
    [{ $float: "nan" }, "nan"],
    [{ $repr: "<Lock at 0x1>" }, "<Lock at 0x1>"],
    [{ $type: "shop.models.User", id: 42 }, "User(id=42)"],
    [[1, { $more: 7 }], "[1, … 7 more]"],
  ])("%j reads %s", (value, expected) => {
    expect(words(value, 200)).toBe(expected);
  });

  test("as many as there is room for", () => {
    expect(words({ a: "x".repeat(300), b: 1 }, 40).length).toBeLessThanOrEqual(40);
    expect(
      words(
        Array.from({ length: 1000 }, (_, index) => index),
        30,
      ),
    ).toMatch(/^\[0, 1, .*…\]$/);
    expect(words({ a: { b: { c: { d: { e: { f: 1 } } } } } }, 200)).toContain("{…}");
  });

  test.each([
    ["free", "free"],
    ["null", '"null"'],
    ["12", '"12"'],
    [" a", '" a"'],
    ["", '""'],
    [7, "7"],
  ])("%j by itself reads %s", (value, expected) => {
    expect(bare(value, 100)).toBe(expected);
  });

  test("what is inside of a value can be looked into, what stands for one cannot", () => {
    expect(inside({ $type: "shop.User", id: 1 })).toEqual([["id", 1]]);
    expect(inside([5])).toEqual([["0", 5]]);
    expect(inside({ $cut: "abc" })).toEqual([]);
    expect(inside("text")).toEqual([]);
    expect(className({ $type: "shop.User", id: 1 })).toBe("User");
    expect(className([1])).toBe("");
    expect(nameWords("a b")).toBe('"a b"');
    expect(pairs({ id: 42, plan: null }, 100, ["id"])).toBe("plan=null");
  });

  test.each([
    [999, "999 B"],
    [1000, "1.0 KB"],
    [999_499, "999 KB"],
    [999_500, "1.0 MB"],
    [2_500_000_000, "2.5 GB"],
  ])("%d bytes are %s", (bytes, expected) => {
    expect(size(bytes)).toBe(expected);
  });
});

describe("text", () => {
  test("what does not show is spelled out", () => {
    expect(plain("a\u0000\u001b[31m\u200b\tb\ud800")).toBe("a\\x00\\x1b[31m\\u200b\\tb\\ud800");
    expect(plain("é🙂")).toBe("é🙂");
    expect(firstLine("one\ntwo")).toBe("one …");
    expect(firstLine("one\n")).toBe("one");
  });

  test("no character is cut in two", () => {
    expect(cut("ab🙂cd", 4)).toBe("ab…");
    expect(cut("ab🙂", 4)).toBe("ab🙂");
    const [one, other] = [`${"x".repeat(50)}🙂a`, `${"x".repeat(50)}🙂b`];
    expect(fromDifference(one, other, 30)).toMatch(/^…x+🙂a$/);
    expect(fromDifference("short", "shorter", 30)).toBe("short");
  });
});

test.each([
  ["abc", 0, 0],
  ["abc", 2, 2],
  ["é🙂 = x", 2, 3],
  ["🙂🙂", 2, 4],
  ["ab", 9, 2],
])("of %j the first %i code points are %i units", (text, codePoints, expected) => {
  expect(units(text, codePoints)).toBe(expected);
});

describe("rows", () => {
  const row: RowShape = {
    table: "users",
    key: { id: 42 },
    operation: "update",
    columns: { id: { before: 42, after: 42 }, plan: { before: "free", after: null } },
    outcome: "rolled_back",
    span_id: "s",
    request_id: "r",
    at: "2026-05-01T12:00:00+00:00",
    frame: null,
  };

  test("a change tells its columns, but of an insert not again those of the key", () => {
    expect(rowName(row.table, row.key)).toBe("users id=42");
    expect(rowName("users", {})).toBe("users (key not recorded)");
    expect(columns(row)).toEqual([
      { name: "id", before: "42", after: "42" },
      { name: "plan", before: "free", after: "null" },
    ]);
    expect(columns({ ...row, operation: "insert" })).toEqual([{ name: "plan", after: "null" }]);
    expect(columns({ ...row, operation: "delete" })).toEqual([{ name: "plan", before: "free" }]);
  });

  test.each([
    ["committed", true, "not committed yet"],
    ["committed", false, "committed"],
    ["rolled_back", true, "not committed, and rolled back later"],
    ["rolled_back", false, "rolled back"],
    ["unknown", true, "outcome unknown"],
  ] as const)("%s, pending %s: %s", (outcome, pending, expected) => {
    const state: RowState = { table: "users", key: { id: 42 }, exists: true, columns: { plan: 1 }, pending, outcome };
    expect(certainty(state)).toBe(expected);
    expect(held(state)).toBe("plan=1");
    expect(held({ ...state, exists: false })).toBe("does not exist");
  });
});
