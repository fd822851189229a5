// Whether a candidate is a server that can be used: it is asked for its version, and what went wrong is told apart.

import { execFile } from "node:child_process";
import type { Candidate } from "./candidates";

/** The oldest server that speaks what this extension asks. */
export const OLDEST = "0.1.0";
const PATIENCE_MS = 20_000;

export type Verdict =
  | { readonly kind: "works"; readonly version: string }
  /** The interpreter runs, but has no Flux. */
  | { readonly kind: "without" }
  | { readonly kind: "too-old"; readonly version: string }
  | { readonly kind: "old-python"; readonly detail: string }
  | { readonly kind: "absent" }
  | { readonly kind: "broken"; readonly detail: string };

/** How a program ended. */
export interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Run = (command: string, args: readonly string[]) => Promise<Ended>;

export async function tryOut(candidate: Candidate, run: Run): Promise<Verdict> {
  return judge(candidate, await run(candidate.command, [...candidate.args, "--version"]));
}

export function judge(candidate: Candidate, ended: Ended): Verdict {
  const version = /^flux-ls (\d+\.\d+\S*)/m.exec(ended.stdout)?.[1];
  if (ended.code === 0 && version !== undefined) {
    return isOlder(version, OLDEST) ? { kind: "too-old", version } : { kind: "works", version };
  }
  if (ended.code === "ENOENT") {
    return { kind: "absent" };
  }
  if (candidate.python !== undefined) {
    if (/No module named '?flux_ls'?/.test(ended.stderr)) {
      return { kind: "without" };
    }
    // -P came with Python 3.11, which Flux needs anyway.
    if (/unknown option:? -P/i.test(ended.stderr)) {
      return { kind: "old-python", detail: "Flux needs Python 3.11 or later" };
    }
  }
  return { kind: "broken", detail: lastLine(ended) };
}

function lastLine(ended: Ended): string {
  const lines = `${ended.stdout}\n${ended.stderr}`.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.at(-1)?.trim().slice(0, 300) ?? `it ended with ${ended.code ?? "a signal"}, and without a word`;
}

/** Whether `version` came before `other`; what stands behind the three numbers does not count. */
export function isOlder(version: string, other: string): boolean {
  const [left, right] = [version, other].map((text) => text.split(/[.+-]/).slice(0, 3).map(Number.parseFloat));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] || 0) - (right?.[index] || 0);
    if (difference !== 0) {
      return difference < 0;
    }
  }
  return false;
}

/** Runs a program in a folder that is nobody's, for as long as a first start from a cold disk may take. */
export function runIn(folder: string): Run {
  return (command, args) =>
    new Promise((resolve) => {
      execFile(
        command,
        [...args],
        { cwd: folder, timeout: PATIENCE_MS, windowsHide: true },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
        },
      );
    });
}
