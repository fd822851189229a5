// How requests, groups, filters and comparisons read.

import { describe, expect, test } from "vitest";
import type { FieldShape } from "../../src/messages";
import { head, lines } from "../../src/views/model/comparison";
import { changed, EVERY, isEvery, sinceProblem, slowProblem, subscription, words } from "../../src/views/model/filter";
import { anchorWords, groupFacts, groupId, groupTitle, sections } from "../../src/views/model/groups";
import { details, facts, title, went } from "../../src/views/model/request";
import { clock, counted } from "../../src/views/model/words";
import { diff, frame, group, request, span } from "./shapes";

const NOW = Date.parse("2026-05-01T12:03:00+00:00");

describe("requests", () => {
  test.each([
    [{}, "ok", "POST /signup", "201 · 44ms · req:550e8400"],
    [{ status: 404 }, "refused", "POST /signup", "404 · 44ms · req:550e8400"],
    [
      { status: 500, failed: true, error: "KeyError: 'plan'\nmore" },
      "failed",
      "POST /signup",
      "500 · 44ms · req:550e8400 · KeyError: 'plan' …",
    ],
    [{ status: null, complete: false }, "incomplete", "POST /signup", "ok · 44ms · req:550e8400 · incomplete"],
    [
      { method: null, kind: "job", name: "mail\nbox", status: null },
      "ok",
      "job mail\\nbox",
      "ok · 44ms · req:550e8400",
    ],
  ])("%j", (changes, how, named, told) => {
    const made = request(changes);
    expect([went(made), title(made), facts(made)]).toEqual([how, named, told]);
  });

  test("details leave out what was not recorded", () => {
    const told = Object.fromEntries(details(request({ revision: "a".repeat(40), aliases: ["order-7"] }), NOW));
    expect(told).toMatchObject({ took: "44ms", service: "shop", revision: "aaaaaaaaaaaa", "also called": "order-7" });
    expect(told).not.toHaveProperty("environment");
  });

  test("times of another day have their date", () => {
    expect(clock(new Date(NOW).toISOString(), NOW)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(clock("2026-04-01T12:00:00+00:00", NOW)).toMatch(/^2026-04-01 \d\d:\d\d:\d\d$/);
    expect(clock("nonsense", NOW)).toBe("nonsense");
    expect(counted(1, "span")).toBe("1 span");
    expect(counted(12_345, "span")).toBe("12,345 spans");
  });
});

describe("the filter", () => {
  test("is told in words, and to the server without what only stored requests have", () => {
    const filter = { fn: "create", errorsOnly: true, since: "30m", service: "shop", slowMs: 200 };
    expect(words(filter)).toBe("errors only · fn create · service shop · slower than 200 ms · since 30m");
    expect(subscription(filter)).toEqual({ fn: "create", errorsOnly: true, service: "shop", slowMs: 200 });
    expect(isEvery(EVERY)).toBe(true);
  });

  test("loses a part that is emptied", () => {
    const filter = changed(changed(EVERY, "fn", "create"), "errorsOnly", true);
    expect(filter).toEqual({ fn: "create", errorsOnly: true });
    expect(changed(changed(filter, "fn", ""), "errorsOnly", undefined)).toEqual({});
    expect(changed(filter, "slowMs", Number(""))).toEqual(filter);
  });

  test.each(["", "30m", "1.5h", "14:30", "2026-05-01", "2026-05-01T12:00:00+02:00"])("%j is a time", (text) => {
    expect(sinceProblem(text)).toBeUndefined();
  });

  test.each(["yesterday", "30", "m", "-5m"])("%j is none", (text) => {
    expect(sinceProblem(text)).toMatch("30m");
  });

  test("milliseconds are more than none", () => {
    expect([slowProblem(""), slowProblem("200")]).toEqual([undefined, undefined]);
    expect([slowProblem("fast"), slowProblem("-1"), slowProblem("0")].every((each) => each !== undefined)).toBe(true);
  });
});

describe("groups", () => {
  test("stand by their state, the latest first", () => {
    const found = sections([
      group({ fingerprint: "a", last_seen: "2026-05-01T10:00:00+00:00" }),
      group({ fingerprint: "b", state: "dismissed" }),
      group({ fingerprint: "c" }),
      group({ fingerprint: "d", state: "resolved" }),
    ]);
    expect(found.map((each) => [each.title, each.groups.map((one) => one.fingerprint)])).toEqual([
      ["Failing", ["c", "a"]],
      ["Resolved", ["d"]],
      ["Dismissed", ["b"]],
    ]);
    expect(sections([])).toEqual([]);
  });

  test("what fails and what was handled in one way are two", () => {
    expect(groupId(group())).not.toBe(groupId(group({ handled: true, state: "dismissed" })));
  });

  test("read in one line", () => {
    expect(groupTitle(group({ message: "'plan'\nmore" }))).toBe("KeyError: 'plan' …");
    expect(groupTitle(group({ message: "" }))).toBe("KeyError");
    expect(groupFacts(group(), NOW)).toBe("3 times · 3 min ago · shop/payments.py:13");
    expect(groupFacts(group({ count: 1, location: null }), NOW)).toBe("1 time · 3 min ago · no location");
    const gone = group({ location: frame({ anchor: "gone" }), state: "resolved" });
    const proof = { request_id: "7b1d3f9a".padEnd(32, "0"), status: 201, at: "" };
    expect(groupFacts({ ...gone, resolved_by: proof }, NOW)).toBe(
      "fixed: req:7b1d3f9a 201 · 3 times · 3 min ago · /srv/shop/shop/payments.py:13",
    );
  });

  test.each([
    ["exact", ""],
    ["moved", "moved since it was recorded as /srv/shop/shop/payments.py line 13"],
    ["edited", "unverified: the code was edited since; recorded as /srv/shop/shop/payments.py line 13"],
    ["gone", "gone from today's code: it was deleted; recorded as /srv/shop/shop/payments.py line 13"],
    ["unmapped", "not found in this workspace: it was deleted"],
  ] as const)("a place that is %s", (anchor, expected) => {
    expect(anchorWords(frame({ anchor, reason: "it was deleted" }))).toBe(expected);
  });
});

describe("a comparison", () => {
  function field(path: string, changes: Partial<FieldShape> = {}): FieldShape {
    const told = { before: 1, after: 2, noise: false, change: "changed", before_path: path, reason: null } as const;
    return { path, ...told, repeats: false, ...changes };
  }

  const made = diff({
    muted: 2,
    chosen: "after",
    spans: [
      {
        change: "changed",
        before: span("POST /signup", 0, { error: "KeyError", duration_ms: 44 }),
        after: span("POST /signup", 0, { duration_ms: 12, frame: frame() }),
        fields: [
          field('attributes["http.response.status_code"]', { before: 500, after: 201 }),
          field("input.id", { noise: true, reason: "an id" }),
          field("output.body", { change: "added", before: null, after: { ok: true } }),
          field("input.plan", { repeats: true }),
          field("input.items[1]", { change: "moved", before: 0, after: 1, before_path: "input.items[0]" }),
        ],
        noise: false,
      },
      { change: "same", before: span("a", 1), after: span("a", 1), fields: [], noise: false },
      {
        change: "same",
        before: span("b", 1),
        after: span("b", 1),
        fields: [field("start", { noise: true })],
        noise: false,
      },
      { change: "same", before: span("ping", 1), after: span("ping", 1), fields: [], noise: true },
      { change: "added", before: null, after: span("mail", 1), fields: [], noise: false },
    ],
    rows: [{ change: "same", before: null, after: null, fields: [] }],
  });

  test("shows what counts", () => {
    const shown = lines(made, false).map((line) => {
      switch (line.kind) {
        case "span":
          return `${line.change} ${line.name} ${line.before}|${line.after} ${line.mark}`.trim();
        case "field":
          return `  ${line.path}: ${line.before?.text ?? ""}|${line.after?.text ?? ""}`;
        case "row":
          return line.name;
        default:
          return line.text;
      }
    });
    expect(shown).toEqual([
      "changed POST /signup 44ms|12ms fixed",
      "  http.response.status_code: 500|201",
      "  output.body: |{ok: true}",
      "  input.items[0] → input.items[1]: position 0|position 1",
      "2 spans the same",
      "added mail |10ms",
    ]);
  });

  test("and what differs by chance on demand, with the reason", () => {
    const whole = lines(made, true);
    expect(whole.flatMap((line) => (line.kind === "field" ? [[line.path, line.noise]] : []))).toEqual([
      ["http.response.status_code", ""],
      ["input.id", "an id"],
      ["output.body", ""],
      ["input.plan", "told above"],
      ["input.items[0] → input.items[1]", ""],
      ["start", "noise"],
    ]);
    expect(whole.some((line) => line.kind === "heading")).toBe(true);
  });

  test("says in words what it comes to, and which request was chosen", () => {
    expect(head(made)).toMatchObject({
      words: "Fixed",
      summary: "Fix verified: 500 became 201",
      notes: ["req:7b1d3f9a is the last good request of this route"],
      muted: 2,
      before: { went: "failed" },
      after: { went: "ok" },
    });
  });

  test("of a replay what came of it, and what it was not", () => {
    const replayed = {
      request_id: "a",
      name: "",
      method: null,
      path: null,
      was: 500,
      now: 500,
      duration_ms: 1,
      outcome: "failing",
      reason: "KeyError again",
      mend: null,
      diff: null,
      was_failed: true,
    } as const;
    const rows = "rows put back: 1; not put back: bills id=8, changed since (total)\nmore";
    const told = { requests: [replayed], passing: 0, failing: 1, guard: "python", unsaved: ["a.py"] } as const;
    const answer = { ...told, rows };
    expect(head(diff({ given: ["body.plan"] }), answer).notes).toEqual([
      "1 replayed · 1 still failing, with the code that is saved now",
      "KeyError again",
      "not saved, so not run: a.py",
      "side effects were off: Python's hooks",
      "rows put back: 1; not put back: bills id=8, changed since (total)\\nmore",
      "what was given differs: body.plan",
    ]);
    const passing = {
      ...answer,
      requests: [{ ...replayed, outcome: "passing", reason: null }],
      unsaved: [],
      rows: null,
    } as const;
    expect(head(diff(), passing).notes).toEqual([
      "1 replayed · 1 passing, with the code that is saved now",
      "side effects were off: Python's hooks",
    ]);
  });
});
