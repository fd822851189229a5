// What is read on the screen and what is typed: hints, the status item, requests in a list, ids, shells, links.

import { describe, expect, test } from "vitest";
import { blocks, type Finding, type FluxData, findingsAt, findingsOf, type Published } from "../src/cursor";
import { hintsOf } from "../src/hints/hints";
import { withCommands } from "../src/links";
import { argumentsOf, inWords, parametersOf, wrongJobs } from "../src/manner";
import type { RequestShape, Status } from "../src/messages";
import { ago, labelOf, latency, withoutIcons } from "../src/requests";
import type { Life } from "../src/server/lifecycle";
import { asTyped } from "../src/shell";
import { said } from "../src/status/text";
import { typedId, typedKey, wrongRevision, wrongWindow } from "../src/typed";

const DATA: FluxData = {
  fingerprint: "f1",
  requestId: "550e8400aaaa",
  state: "failing",
  anchor: "exact",
  functionEdited: false,
  replay: null,
  revision: null,
  others: [],
};

function diagnostic(
  message: string,
  severity: number,
  line: number,
  data: Partial<FluxData> = {},
  last = line,
): Published {
  return { range: { start: { line }, end: { line: last } }, message, severity, data: { ...DATA, ...data } };
}

describe("hints", () => {
  test.each([
    ["a failure", diagnostic("KeyError: 'a' · 1 failure", 0, 4), "failing"],
    ["one that was handled", diagnostic("handled: KeyError: 'a'", 1, 4, { state: "handled" }), "handled"],
    ["one that was edited since", diagnostic("KeyError: 'a' · unverified since your edit", 3, 4), "unverified"],
    ["the first bad commit", diagnostic("first bad commit abc", 2, 4, { revision: "abc" }, 6), "first-bad"],
  ])("%s", (_, published, look) => {
    expect(hintsOf([published])).toEqual([
      { look, line: 4, lastLine: published.range.end.line, text: published.message },
    ]);
  });

  test("stand from the top, and are ours alone", () => {
    const foreign = { ...diagnostic("unused import", 1, 1), data: undefined };
    expect(hintsOf([diagnostic("b", 0, 9), foreign, diagnostic("a", 0, 2)]).map((hint) => hint.text)).toEqual([
      "a",
      "b",
    ]);
  });

  test("are one short line, which keeps how sure it is", () => {
    const [hint] = hintsOf([diagnostic(`ValueError: ${"x".repeat(300)} · unverified since your edit\nmore`, 3, 0)]);
    expect(hint?.text).toMatch(/^ValueError: x+… · unverified since your edit$/);
    expect(hint?.text.length).toBe(140);
  });
});

describe("the cursor", () => {
  const code = [
    "def outer():",
    "    first()",
    "",
    "    def inner():",
    "        second()",
    "    third()",
    "",
    "def other():",
    "    pass",
  ];
  const finding = (line: number): Finding => ({ id: `${line}`, fingerprint: "", message: "", line });

  test.each([
    [
      4,
      [
        [4, 4],
        [3, 4],
        [0, 5],
      ],
    ],
    [
      2,
      [
        [1, 1],
        [0, 5],
      ],
    ],
    [
      5,
      [
        [5, 5],
        [0, 5],
      ],
    ],
    [
      8,
      [
        [8, 8],
        [7, 8],
      ],
    ],
    [0, [[0, 5]]],
  ])("of line %i", (line, expected) => {
    expect(blocks(code, line)).toEqual(expected);
  });

  test.each([
    ["on the line", 1, [1, 4], [1]],
    ["in the block around it", 5, [1, 4], [1, 4]],
    ["the nearest block counts", 3, [1, 4], [4]],
    ["not in another function", 8, [1, 4], []],
    ["in an empty file", 0, [], []],
  ])("%s", (_, line, failing, expected) => {
    expect(findingsAt(failing.map(finding), code, line).map((each) => each.line)).toEqual(expected);
  });

  test("the kind that is named comes before the others of its line, and a commit is no failure", () => {
    const others = [{ fingerprint: "f2", requestId: "2", message: "other" }];
    const published = [diagnostic("named", 0, 3, { others }), diagnostic("commit", 2, 3, { revision: "abc" })];
    expect(findingsOf(published).map((each) => [each.fingerprint, each.message, each.line])).toEqual([
      ["f1", "named", 3],
      ["f2", "other", 3],
    ]);
  });
});

const REQUEST: RequestShape = {
  id: "550e8400aaaabbbbccccddddeeeeffff",
  short_id: "550e8400",
  started_at: "2026-05-01T12:00:00+02:00",
  duration_ms: 44.2,
  service: "shop",
  environment: null,
  revision: null,
  kind: "http",
  name: "POST /checkout",
  method: "POST",
  path: "/checkout",
  route: "/checkout",
  function: null,
  status: 500,
  failed: true,
  error: "KeyError: 'a'\nmore",
  complete: true,
  spans: 3,
} as RequestShape;
const NOW = Date.parse("2026-05-01T10:02:00Z");

test.each<[string, Partial<RequestShape>, object]>([
  [
    "one that failed",
    {},
    { label: "$(error) POST /checkout", description: "500  44ms  req:550e8400  2 min ago", detail: "KeyError: 'a'" },
  ],
  [
    "one that was refused",
    { status: 404, failed: false, error: null },
    { label: "$(warning) POST /checkout", description: "404  44ms  req:550e8400  2 min ago" },
  ],
  [
    "a job",
    { method: null, kind: "job", name: "mail", status: null, failed: false, error: null },
    { label: "$(pass) job mail", description: "ok  44ms  req:550e8400  2 min ago" },
  ],
  [
    "a path that looks like an icon",
    { path: "/$(trash)\u202e\n", failed: false, error: null, status: 200 },
    { label: "$(pass) POST /$\u200b(trash)  ", description: "200  44ms  req:550e8400  2 min ago" },
  ],
])("in a list: %s", (_, changed, expected) => {
  expect(labelOf({ ...REQUEST, ...changed }, NOW)).toEqual(expected);
});

test.each([
  [0.4, "0.4ms"],
  [44.4, "44ms"],
  [12_345, "12.3s"],
  [125_000, "2m05s"],
  [7_260_000, "2h01m"],
])("%d ms: %s", (ms, expected) => expect(latency(ms)).toBe(expected));

test.each([
  [-120, "in the future"],
  [2, "just now"],
  [42, "42 s ago"],
  [3599, "59 min ago"],
  [7200, "2 h ago"],
  [90_000, "1 day ago"],
  [200_000, "2 days ago"],
])("%d s: %s", (seconds, expected) => {
  expect(ago(new Date(NOW - seconds * 1000).toISOString(), NOW)).toBe(expected);
});

test.each([
  ["550e", "550e"],
  [" req:550E8400 ", "550e8400"],
  ["550", undefined],
  ["checkout", undefined],
  ["order-4711-x", "order-4711-x"],
  ["a b c 4", undefined],
  ["", undefined],
])("as an id, %j is %j", (text, id) => expect(typedId(text)).toBe(id));

test.each([
  ["30m", true],
  ["2 h", true],
  ["14:00-14:30", true],
  ["14:00..14:30", true],
  ["", false],
  ["yesterday", false],
  ["-", false],
])("as a time, %j is right: %j", (text, right) => expect(wrongWindow(text) === undefined).toBe(right));

test.each([
  ["", false, true],
  ["", true, false],
  ["v1.4", true, true],
  ["HEAD~3", true, true],
  ["--exec=rm", true, false],
  ["main dev", true, false],
  ["a..b", true, false],
])("as a revision, %j (needed: %j) is right: %j", (text, needed, right) => {
  expect(wrongRevision(text, needed) === undefined).toBe(right);
});

test.each([
  [{ id: 42 }, "42"],
  [{ id: "a b" }, "a b"],
  [{ order_id: 7, position: 2 }, "order_id=7,position=2"],
  [{ a: "x, y", b: 1 }, '{"a":"x, y","b":1}'],
])("the key %j is typed %s", (key, expected) => expect(typedKey(key)).toBe(expected));

test.each([
  [["/v/bin/flux"], "bash", "/v/bin/flux"],
  [["/my v/bin/flux"], "zsh", "'/my v/bin/flux'"],
  [["/it's/flux"], "bash", "'/it'\\''s/flux'"],
  [["C:\\my v\\flux.exe"], "pwsh.exe", "& 'C:\\my v\\flux.exe'"],
  [["C:\\my v\\flux.exe"], "cmd.exe", '"C:\\my v\\flux.exe"'],
  [["/v/bin/python", "-P", "-m", "flux_ls.cli"], "bash", "/v/bin/python -P -m flux_ls.cli"],
])("%j in %s", (program, shell, expected) => expect(asTyped(program, shell)).toBe(expected));

describe("the status item", () => {
  const candidate = { source: "path", command: "/bin/flux-ls", args: [] } as const;
  const running: Life = { kind: "running", version: "0.1.0", candidate, interpreter: undefined };
  const status: Status = {
    settings: "",
    collector: { state: "running", detail: "", http_port: 4318, grpc_port: 4317, pid: 1, broken: [] },
    store: { path: "/data/flux.db", state: "ready", detail: "" },
    empty: false,
    last_request: REQUEST,
    failing: 0,
    unplaced: 0,
    unplaced_reason: "",
    located: 0,
    broken: null,
  };
  const broken = (name: string, detail = "why") => ({ broken: { name, detail } });

  test.each<[string, Life, Status | undefined, string, string]>([
    ["starting", { kind: "starting" }, undefined, "$(loading~spin) Flux", "quiet"],
    ["again", { kind: "restarting", inMs: 500 }, undefined, "$(loading~spin) Flux: restarting", "warning"],
    ["none", { kind: "failed", problem: { text: "no", mends: [] } }, undefined, "$(error) Flux: no server", "error"],
    ["all is well", running, status, "$(pulse) Flux", "quiet"],
    ["something fails", running, { ...status, failing: 3 }, "$(flame) 3 failing", "quiet"],
    ["nothing came yet", running, { ...status, empty: true, ...broken("spans") }, "$(pulse) Flux: waiting", "quiet"],
    ["a link is broken", running, { ...status, failing: 3, ...broken("paths") }, "$(warning) Flux: paths", "warning"],
    [
      "the collector starts",
      running,
      { ...status, collector: { ...status.collector, state: "starting" } },
      "$(loading~spin) Flux: collector",
      "quiet",
    ],
    [
      "the port is taken",
      running,
      { ...status, collector: { ...status.collector, state: "failed" }, ...broken("collector") },
      "$(error) Flux: collector",
      "error",
    ],
    [
      "the store is newer",
      running,
      { ...status, store: { ...status.store, state: "failed" }, ...broken("store") },
      "$(error) Flux: store",
      "error",
    ],
  ])("%s", (_, life, told, text, tone) => {
    const shown = said(life, told, NOW);
    expect([shown.text, shown.tone]).toEqual([text, tone]);
  });

  test("tells each part", () => {
    const told = {
      ...status,
      failing: 2,
      unplaced: 1,
      unplaced_reason: "no such file",
      ...broken("paths", "two files fit"),
    };
    expect(said(running, told, NOW).lines).toEqual([
      ["Server", "flux-ls 0.1.0, /bin/flux-ls"],
      ["Collector", "listens for OTLP on 4318 and gRPC on 4317"],
      ["Store", "/data/flux.db"],
      ["Last request", "POST /checkout 500 44ms, 2 min ago"],
      ["Failing", "2 kinds of failure, 1 without a place here: no such file"],
      ["Broken link", "paths: two files fit"],
    ]);
  });
});

describe("links of a hover", () => {
  const link = (name: string, uri: string) =>
    `[${name}](command:flux.openPage?${encodeURIComponent(JSON.stringify([uri]))})`;
  const row = "[why](flux://request/5/why) · [steps](flux://request/5/debug)";

  test.each([
    [
      "the row below becomes commands",
      `text\n\n${row}`,
      `text\n\n${link("why", "flux://request/5/why")} · ${link("steps", "flux://request/5/debug")}`,
    ],
    ["not in a fence", `\`\`\`text\n${row}\n\`\`\``, undefined],
    ["not in a longer fence", `\`\`\`\`text\n\`\`\`\n${row}\n\`\`\`\``, undefined],
    ["not where a fence only seems to end", `\`\`\`text\n\`\`\` x\n${row}\n\`\`\``, undefined],
    ["not beside other words", `see ${row}`, undefined],
    ["not in inline code", `\`${row}\``, undefined],
    ["no other scheme", "[why](command:workbench.action.closeWindow)", undefined],
    ["no second target", "[why](flux://request/5/why) · [x](command:y)", undefined],
    ["no blanks in an address", "[why](flux://request/5/why command:y)", undefined],
  ])("%s", (_, text, expected) => {
    expect(withCommands(text)).toBe(expected ?? text);
  });
});

test("what is drawn has no icons and no control characters of a trace", () => {
  expect(withoutIcons("a$(trash)\u001b[31m\u202eb")).toBe("a$\u200b(trash) [31m b");
});

describe("how a bisect goes", () => {
  const manner = (jobs: number, firstParent: boolean, fresh: boolean) => ({ jobs, firstParent, fresh });

  test.each([
    ["nothing", undefined, { manner: manner(1, false, false) }],
    ["an id alone", "550e", { manner: manner(1, false, false) }],
    ["a row of a view", { request: { id: "550e" } }, { manner: manner(1, false, false) }],
    [
      "a key binding's",
      { id: "550e", good: " v1 ", bad: "main", jobs: 4, firstParent: true, fresh: true, timeout: 0 },
      { good: "v1", bad: "main", timeout: 0, manner: manner(4, true, true) },
    ],
    [
      "what is of another kind",
      { good: 1, bad: "", run: " ", jobs: "4", firstParent: "yes", fresh: 1, timeout: -1 },
      { manner: manner(1, false, false) },
    ],
    ["no number of revisions", { run: "make test", jobs: 1.5 }, { run: "make test", manner: manner(1, false, false) }],
  ])("arguments: %s", (_, given, expected) => {
    expect(argumentsOf(given)).toEqual(expected);
  });

  test.each([
    [manner(1, false, false), {}, ""],
    [manner(4, false, false), { jobs: 4 }, "4 at once"],
    [manner(2, true, true), { jobs: 2, firstParent: true, fresh: true }, "begins anew, first parents only, 2 at once"],
  ])("%j", (given, parameters, words) => {
    expect(parametersOf(given)).toEqual(parameters);
    expect(inWords(given)).toBe(words);
  });

  test.each([
    ["2", true],
    [" 64 ", true],
    ["0", false],
    ["65", false],
    ["1.5", false],
    ["-1", false],
    ["", false],
    ["two", false],
  ])("so many at once: %s", (typed, right) => {
    expect(wrongJobs(typed) === undefined).toBe(right);
  });
});
