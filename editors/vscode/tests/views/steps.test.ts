// The steps of a request: what is folded and shown, where next, previous and error lead, and the time axis.

import { describe, expect, test } from "vitest";
import { around, axis, bar, firstStep, type Row, rowsOf, step, ticks, visible } from "../../src/views/model/steps";
import { frame, step as made } from "./shapes";

const ROWS = rowsOf(
  [
    made("POST /signup", 0, { kind: "server", duration_ms: 100, error: "KeyError: 'plan'", status: "error" }),
    made("connect", 1, { noise: true }),
    made("create_user", 1, { start_ms: 10, duration_ms: 60, error: "KeyError: 'plan'", status: "error" }),
    made("price", 2, {
      start_ms: 20,
      duration_ms: 30,
      error: "KeyError: 'plan'\nmore",
      status: "error",
      frame: frame(),
    }),
    made("retry", 1, { start_ms: 75, duration_ms: 5, error: "Timeout", status: "ok" }),
    made("GET /other", 1, { service: "other", frame: frame({ anchor: "gone" }), parent_missing: true }),
  ],
  "shop",
);
const names = (rows: readonly { name: string }[]) => rows.map((row) => row.name);

test("rows tell what a line has room for", () => {
  expect(ROWS.map((row) => [row.name, row.below, row.mark, row.placed])).toEqual([
    ["POST /signup", 5, "failed", false],
    ["connect", 0, "", false],
    ["create_user", 1, "failed", false],
    ["price", 0, "failed", true],
    ["retry", 0, "handled", false],
    ["GET /other", 0, "", false],
  ]);
  expect(ROWS[3]?.error).toBe("KeyError: 'plan' …");
  expect([ROWS[4]?.service, ROWS[5]?.service, ROWS[5]?.orphan]).toEqual(["", "other", true]);
});

test.each([
  ["all but noise", [], false, ["POST /signup", "create_user", "price", "retry", "GET /other"]],
  ["noise too", [], true, ["POST /signup", "connect", "create_user", "price", "retry", "GET /other"]],
  ["without what is folded", [2], false, ["POST /signup", "create_user", "retry", "GET /other"]],
  ["the top folded", [0, 2], true, ["POST /signup"]],
])("%s", (_, folded, noise, expected) => {
  expect(names(visible(ROWS, new Set(folded), noise))).toEqual(expected);
});

test.each([
  [0, "next", false, 2],
  [0, "next", true, 1],
  [2, "previous", false, 0],
  [5, "next", false, undefined],
  [0, "previous", false, undefined],
  [0, "nextError", false, 2],
  [3, "nextError", false, 4],
  [4, "nextError", false, 0],
] as const)("from step %i %s leads (noise %s) to %s", (at, direction, noise, expected) => {
  expect(step(ROWS, at, direction, noise)).toBe(expected);
});

test("it begins at the deepest that failed, else at the first", () => {
  expect(firstStep(ROWS)).toBe(3);
  expect(firstStep(rowsOf([made("connect", 0, { noise: true }), made("GET /", 0)], "shop"))).toBe(1);
  expect(firstStep([])).toBe(0);
});

test("a step is inside of those around it", () => {
  expect(around(ROWS, 3)).toEqual([0, 2]);
  expect(around(ROWS, 0)).toEqual([]);
});

describe("time", () => {
  test("every bar is within the axis, and none vanishes", () => {
    const whole = axis(ROWS);
    expect(whole).toEqual({ fromMs: 0, toMs: 100 });
    expect(ROWS.map((row) => bar(row, whole)).slice(0, 4)).toEqual([
      { left: 0, width: 100 },
      { left: 0, width: 10 },
      { left: 10, width: 60 },
      { left: 20, width: 30 },
    ]);
    const instant = rowsOf(
      [made("a", 0, { duration_ms: 1000 }), made("b", 1, { start_ms: 1000, duration_ms: 0 })],
      "shop",
    );
    const { left, width } = bar(instant[1] as Row, axis(instant));
    expect(left + width).toBeLessThanOrEqual(100);
    expect(width).toBeGreaterThan(0);
  });

  test.each([
    [60, [0, 20, 40, 60]],
    [100, [0, 20, 40, 60, 80, 100]],
    [7, [0, 2, 4, 6]],
    [0.9, [0, 0.2, 0.4, 0.6, 0.8]],
  ])("%d ms have round times", (total, expected) => {
    const found = ticks(total);
    expect(found).toHaveLength(expected.length);
    for (const [index, tick] of found.entries()) {
      expect(tick).toBeCloseTo(expected[index] ?? 0, 9);
    }
  });
});
