// The requests of the live view: their order, what is forgotten, what standing still means, and where to page on.

import { describe, expect, test } from "vitest";
import type { RequestShape } from "../../src/messages";
import { Stream } from "../../src/views/model/stream";
import { numbered, request, requests } from "./shapes";

function paths(stream: Stream): string[] {
  return stream.shown.requests.map((each) => each.path ?? "");
}

function begun(most: number, page: readonly RequestShape[], earlier: string | null = null): Stream {
  const stream = new Stream(most);
  stream.clear();
  stream.pause();
  stream.begin(page, earlier);
  return stream;
}

describe("what comes", () => {
  test("is shown the newest first, each once", () => {
    const stream = begun(10, requests(3));
    expect(stream.take([numbered(4), numbered(3)])).toBe(true);
    expect(stream.take([numbered(4)])).toBe(true);
    expect(paths(stream)).toEqual(["/4", "/3", "/2", "/1", "/0"]);
  });

  test("corrects what was told before, in its place", () => {
    const stream = begun(10, requests(3));
    stream.take([{ ...numbered(1), failed: true, path: "/corrected" }]);
    expect(paths(stream)).toEqual(["/2", "/corrected", "/0"]);
  });

  test("while the first page is on its way is not lost", () => {
    const stream = new Stream(10);
    stream.clear();
    stream.pause();
    stream.take([numbered(3), numbered(2)]);
    stream.begin(requests(3), "cursor");
    expect(paths(stream)).toEqual(["/3", "/2", "/1", "/0"]);
    expect(stream.shown).toMatchObject({ more: true, paused: false, waiting: 0 });
  });

  test("that began at the same moment keeps the order in which it came", () => {
    const at = "2026-05-01T12:00:00.000000+00:00";
    const [one, other] = [request({ id: "a1", started_at: at }), request({ id: "b2", started_at: at })];
    const stream = begun(10, [one]);
    stream.take([other]);
    stream.take([one]);
    expect(stream.shown.requests).toHaveLength(2);
  });
});

describe("memory is bounded", () => {
  test("the oldest go, and can be paged back to from the last that is left", () => {
    const stream = begun(5, requests(3));
    stream.take(requests(4, 3));
    expect(paths(stream)).toEqual(["/6", "/5", "/4", "/3", "/2"]);
    expect(stream.before).toBe(numbered(2).id);
    expect(stream.shown.more).toBe(true);
    stream.extend(requests(2), null);
    expect(paths(stream)).toEqual(["/4", "/3", "/2", "/1", "/0"]);
    expect(stream.shown).toMatchObject({ more: false, paused: true });
    expect(stream.isTorn).toBe(true);
  });

  test("however much comes while it stands still", () => {
    const stream = begun(5, requests(3));
    stream.pause();
    stream.take(requests(20, 3));
    expect(paths(stream)).toEqual(["/2", "/1", "/0"]);
    expect(stream.shown.waiting).toBe(5);
    expect(stream.isTorn).toBe(true);
  });

  test("a hundred thousand", () => {
    const stream = begun(2000, []);
    for (let from = 0; from < 100_000; from += 200) {
      stream.take(requests(200, from));
    }
    expect(stream.shown.requests).toHaveLength(2000);
    expect(stream.shown.requests[0]?.path).toBe("/99999");
  });
});

describe("standing still", () => {
  test("shows corrections, counts what is new, and has it when it goes on", () => {
    const stream = begun(10, requests(2));
    stream.pause();
    expect(stream.take([{ ...numbered(0), path: "/corrected" }])).toBe(true);
    expect(stream.take([numbered(2)])).toBe(true);
    expect(stream.take([{ ...numbered(2), path: "/2, corrected" }])).toBe(true);
    expect(paths(stream)).toEqual(["/1", "/corrected"]);
    expect(stream.shown).toMatchObject({ paused: true, waiting: 1 });
    stream.resume();
    expect(paths(stream)).toEqual(["/2, corrected", "/1", "/corrected"]);
    expect(stream.shown).toMatchObject({ paused: false, waiting: 0 });
  });
});
