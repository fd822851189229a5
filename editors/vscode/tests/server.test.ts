// Which server is taken, what is wrong with one that is not, and when one that ended is started again.

import { describe, expect, test } from "vitest";
import { Backoff, STEADY_MS } from "../src/server/backoff";
import { type Candidate, candidates, type Surroundings } from "../src/server/candidates";
import { nothingFound } from "../src/server/problem";
import { among, suitable } from "../src/server/pythons";
import { type Ended, isOlder, judge, type Verdict } from "../src/server/trying";

const AROUND: Surroundings = {
  setting: "",
  interpreter: undefined,
  path: "/usr/local/bin:/usr/bin",
  installed: "/storage/python",
  trusted: true,
  folders: ["/home/ada/shop"],
  platform: "linux",
  home: "/home/ada",
  exists: () => false,
};
const there = (...files: string[]) => ({ exists: (file: string) => files.includes(file) });

describe("candidates", () => {
  const looked = (around: Partial<Surroundings>): string[] =>
    candidates({ ...AROUND, ...around }).map((each) => `${each.source} ${[each.command, ...each.args].join(" ")}`);

  test.each<[string, Partial<Surroundings>, string[]]>([
    ["nothing is anywhere", {}, []],
    [
      "the setting alone counts",
      { setting: "/opt/flux-ls", interpreter: "/v/bin/python", ...there("/usr/bin/flux-ls") },
      ["setting /opt/flux-ls"],
    ],
    [
      "the setting may name an interpreter",
      { setting: "/v/bin/python3.12" },
      ["setting /v/bin/python3.12 -P -m flux_ls.lsp"],
    ],
    ["or one on Windows", { setting: "C:\\v\\python.exe" }, ["setting C:\\v\\python.exe -P -m flux_ls.lsp"]],
    ["the setting may begin at home", { setting: "~/bin/flux-ls" }, ["setting /home/ada/bin/flux-ls"]],
    ["blanks are no setting", { setting: "  " }, []],
    [
      "the interpreter, PATH and our own, in this order",
      { interpreter: "/v/bin/python", ...there("/usr/bin/flux-ls", "/storage/python/bin/python") },
      [
        "interpreter /v/bin/python -P -m flux_ls.lsp",
        "path /usr/bin/flux-ls",
        "installed /storage/python/bin/python -P -m flux_ls.lsp",
      ],
    ],
    [
      "a server in a folder that nobody trusts is not taken",
      {
        trusted: false,
        path: "/home/ada/shop/.venv/bin:/home/ada/shop:/home/ada/shopping",
        ...there("/home/ada/shop/.venv/bin/flux-ls", "/home/ada/shop/flux-ls", "/home/ada/shopping/flux-ls"),
      },
      ["path /home/ada/shopping/flux-ls"],
    ],
    [
      "a trusted one may have it",
      { path: "/home/ada/shop/.venv/bin", ...there("/home/ada/shop/.venv/bin/flux-ls") },
      ["path /home/ada/shop/.venv/bin/flux-ls"],
    ],
    ["relative entries of PATH count for nothing", { path: ".:bin::", ...there("flux-ls", "bin/flux-ls") }, []],
    [
      "Windows has names of its own",
      {
        platform: "win32",
        path: "C:\\tools;D:\\bin",
        installed: "C:\\storage\\python",
        ...there("D:\\bin\\flux-ls.exe", "C:\\storage\\python\\Scripts\\python.exe"),
      },
      ["path D:\\bin\\flux-ls.exe", "installed C:\\storage\\python\\Scripts\\python.exe -P -m flux_ls.lsp"],
    ],
  ])("%s", (_, around, expected) => {
    expect(looked(around)).toEqual(expected);
  });
});

const PYTHON: Candidate = { source: "interpreter", command: "/v/bin/python", args: [], python: "/v/bin/python" };
const PROGRAM: Candidate = { source: "path", command: "/usr/bin/flux-ls", args: [] };
const ended = (code: number | string, stdout = "", stderr = ""): Ended => ({ code, stdout, stderr });

test.each<[string, Candidate, Ended, Verdict]>([
  ["it answers", PROGRAM, ended(0, "flux-ls 0.1.0\n"), { kind: "works", version: "0.1.0" }],
  ["a warning stands before", PROGRAM, ended(0, "warning\nflux-ls 1.2.3rc1\n"), { kind: "works", version: "1.2.3rc1" }],
  ["it is too old", PROGRAM, ended(0, "flux-ls 0.0.9\n"), { kind: "too-old", version: "0.0.9" }],
  ["another program", PROGRAM, ended(0, "hello\n"), { kind: "broken", detail: "hello" }],
  ["nothing is there", PROGRAM, ended("ENOENT"), { kind: "absent" }],
  ["without Flux", PYTHON, ended(1, "", "/v/bin/python: No module named flux_ls\n"), { kind: "without" }],
  [
    "without Flux, as an import says it",
    PYTHON,
    ended(1, "", "/v/bin/python: Error while finding module (ModuleNotFoundError: No module named 'flux_ls')"),
    { kind: "without" },
  ],
  [
    "an old Python",
    PYTHON,
    ended(2, "", "unknown option -P\nusage: python3.9 [option] ...\n"),
    { kind: "old-python", detail: "Flux needs Python 3.11 or later" },
  ],
  [
    "a dependency is gone",
    PYTHON,
    ended(1, "", "Traceback (most recent call last):\nModuleNotFoundError: No module named 'pygls'\n\n"),
    { kind: "broken", detail: "ModuleNotFoundError: No module named 'pygls'" },
  ],
  [
    "no right to run it",
    PROGRAM,
    ended("EACCES"),
    { kind: "broken", detail: "it ended with EACCES, and without a word" },
  ],
])("of a candidate: %s", (_, candidate, how, verdict) => {
  expect(judge(candidate, how)).toEqual(verdict);
});

test.each<[string, string, boolean]>([
  ["0.1.0", "0.1.0", false],
  ["0.0.9", "0.1.0", true],
  ["0.10.0", "0.9.9", false],
  ["1.0", "1.0.1", true],
  ["0.1.0rc1", "0.1.0", false],
  ["3.9.18", "3.11", true],
  ["3.14.0", "3.11", false],
])("%s before %s: %s", (version, other, older) => {
  expect(isOlder(version, other)).toBe(older);
});

describe("when nothing is found", () => {
  const without = { candidate: PYTHON, verdict: { kind: "without" } as const };
  const named = (verdict: Verdict) => ({ candidate: { ...PROGRAM, source: "setting" as const }, verdict });

  test.each([
    ["nowhere", [], undefined, "flux-ls is not installed: it is not on PATH.", "install"],
    ["not in the interpreter", [without], "/v/bin/python", "not installed in /v/bin/python, nor on PATH.", "install"],
    [
      "what the setting names",
      [named({ kind: "absent" })],
      undefined,
      "flux.server.path: there is no /usr/bin/flux-ls.",
      "settings",
    ],
    [
      "what the setting names is broken",
      [named({ kind: "broken", detail: "boom" })],
      undefined,
      "flux.server.path: /usr/bin/flux-ls does not run: boom",
      "settings",
    ],
    [
      "what is broken is told before what is not there",
      [without, { candidate: PROGRAM, verdict: { kind: "too-old", version: "0.0.9" } as const }],
      "/v/bin/python",
      "/usr/bin/flux-ls is flux-ls 0.0.9, which is too old for this extension.",
      "install",
    ],
    [
      "an old Python",
      [{ candidate: PYTHON, verdict: { kind: "old-python", detail: "Flux needs Python 3.11 or later" } as const }],
      "/v/bin/python",
      "/v/bin/python is too old: Flux needs Python 3.11 or later.",
      "install",
    ],
  ])("%s", (_, tried, interpreter, text, mend) => {
    const problem = nothingFound(tried, interpreter);
    expect(problem.text).toContain(text);
    expect(problem.mends[0]).toBe(mend);
  });
});

describe("a server that ends", () => {
  const waits = (backoff: Backoff, ran: readonly number[]) =>
    ran.map((each) => {
      const next = backoff.crashed(each);
      return next.kind === "again" ? next.inMs : next.kind;
    });

  test("at once again and again is given up", () => {
    expect(waits(new Backoff(), [0, 0, 0, 0, 0, 0])).toEqual([250, 500, 1000, 2000, 4000, "give-up"]);
  });

  test("after it ran well is started again at once", () => {
    expect(waits(new Backoff(), [0, 0, STEADY_MS, 0])).toEqual([250, 500, 250, 500]);
  });

  test("is tried anew when a person says so", () => {
    const backoff = new Backoff();
    waits(backoff, [0, 0, 0, 0, 0, 0]);
    backoff.reset();
    expect(waits(backoff, [0])).toEqual([250]);
  });
});

test("Pythons that are there, each once, the selected one first", async () => {
  const installed: Record<string, string> = {
    "/v/bin/python": "/v/bin/python\n3.12.1\n",
    python3: "/usr/bin/python3.9\n3.9.2\n",
    python: "/usr/bin/python3.9\n3.9.2\n",
    "python3.13": "/usr/bin/python3.13\n3.13.0\n",
  };
  const found = await among(["/v/bin/python", "python3", "python", "python3.13", "python3.12"], async (command) =>
    command in installed ? ended(0, installed[command]) : ended("ENOENT"),
  );
  expect(found).toEqual([
    { command: "/v/bin/python", version: "3.12.1" },
    { command: "/usr/bin/python3.9", version: "3.9.2" },
    { command: "/usr/bin/python3.13", version: "3.13.0" },
  ]);
  expect(found.filter(suitable).map((each) => each.version)).toEqual(["3.12.1", "3.13.0"]);
});
