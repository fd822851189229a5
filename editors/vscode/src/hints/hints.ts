// What stands at the end of a line and in the gutter beside it, out of what the server published.

import { dataOf, type Published } from "../cursor";

/** How a hint looks. `unverified` is faded: the line was edited since it failed. */
export type Look = "failing" | "handled" | "unverified" | "first-bad";

export const LOOKS: readonly Look[] = ["failing", "handled", "unverified", "first-bad"];

export interface Hint {
  readonly look: Look;
  /** From 0; of several lines, the mark is beside all of them. */
  readonly line: number;
  readonly lastLine: number;
  readonly text: string;
}

/** VS Code's severities. */
const WARNING = 1;
const HINT = 3;
const LONGEST = 140;

/** One for each line that has something to say, from the top. */
export function hintsOf(diagnostics: readonly Published[]): Hint[] {
  return diagnostics
    .filter((diagnostic) => dataOf(diagnostic) !== undefined)
    .map((diagnostic) => ({
      look: lookOf(diagnostic),
      line: diagnostic.range.start.line,
      lastLine: diagnostic.range.end.line,
      text: shortened(diagnostic.message),
    }))
    .sort((left, right) => left.line - right.line);
}

function lookOf(diagnostic: Published): Look {
  if (dataOf(diagnostic)?.revision != null) {
    return "first-bad";
  }
  if (diagnostic.severity === HINT) {
    return "unverified";
  }
  return diagnostic.severity === WARNING ? "handled" : "failing";
}

/** The first line of it; how sure the line is stands last, and is kept. */
function shortened(message: string): string {
  const line = (message.split(/\r?\n/)[0] ?? "").trim();
  if (line.length <= LONGEST) {
    return line;
  }
  const parts = line.split(" · ");
  const last = parts.length > 1 ? ` · ${parts.at(-1)}` : "";
  return `${line.slice(0, LONGEST - last.length - 1)}…${last}`;
}
