// The steps of a request as rows of a tree with a time axis: which are shown, and where next, previous and error lead.

import type { FrameShape, StepShape } from "../../messages";
import { firstLine, plain } from "./plain";

/** How bad it is: an error on a span that then ended well was dealt with. */
export type Mark = "" | "failed" | "handled";

/** One line of the tree. */
export interface Row {
  /** Among all steps. */
  readonly index: number;
  readonly depth: number;
  readonly name: string;
  readonly kind: string;
  /** Where it is another one than that of the request. */
  readonly service: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly mark: Mark;
  readonly error: string;
  readonly noise: boolean;
  readonly orphan: boolean;
  /** How many steps below it, at any depth. */
  readonly below: number;
  /** It changed rows. */
  readonly writes: number;
  /** It has a line in today's code. */
  readonly placed: boolean;
}

export function isPlaced(frame: FrameShape | null): frame is FrameShape {
  return frame !== null && frame.anchor !== "gone" && frame.anchor !== "unmapped";
}

export function mark(step: StepShape): Mark {
  if (step.error === null) {
    return "";
  }
  const status = step.attributes["http.response.status_code"];
  const refused = typeof status === "number" && status < 500;
  return step.status === "ok" || refused ? "handled" : "failed";
}

export function rowsOf(steps: readonly StepShape[], service: string): Row[] {
  const below = descendants(steps);
  return steps.map((step, index) => ({
    index,
    depth: step.depth,
    name: plain(step.name) || "(no name)",
    kind: step.kind,
    service: step.service === service ? "" : plain(step.service),
    startMs: step.start_ms,
    durationMs: step.duration_ms,
    mark: mark(step),
    error: step.error === null ? "" : firstLine(step.error),
    noise: step.noise,
    orphan: step.parent_missing,
    below: below[index] ?? 0,
    writes: step.row_changes.length,
    placed: isPlaced(step.frame),
  }));
}

/** How many steps stand below each: those that follow it and are deeper. */
function descendants(steps: readonly StepShape[]): number[] {
  const counts = steps.map(() => 0);
  const open: number[] = [];
  for (const [index, step] of steps.entries()) {
    while (open.length > 0 && (steps[open.at(-1) ?? 0]?.depth ?? 0) >= step.depth) {
      const done = open.pop() ?? 0;
      counts[done] = index - done - 1;
    }
    open.push(index);
  }
  for (const index of open) {
    counts[index] = steps.length - index - 1;
  }
  return counts;
}

/** What is on the screen: without what is folded into a step, and without noise unless that is wanted. */
export function visible(rows: readonly Row[], folded: ReadonlySet<number>, noise: boolean): Row[] {
  const shown: Row[] = [];
  let until = 0;
  for (const row of rows) {
    if (row.index < until) {
      continue;
    }
    if (folded.has(row.index)) {
      until = row.index + row.below + 1;
    }
    if (noise || !row.noise) {
      shown.push(row);
    }
  }
  return shown;
}

/** The steps that a step is inside of, which have to be unfolded for it to be seen. */
export function around(rows: readonly Row[], index: number): number[] {
  return rows.filter((row) => row.index < index && index <= row.index + row.below).map((row) => row.index);
}

export type Direction = "next" | "previous" | "nextError";

/** The step that a direction leads to; nothing at the end. After the last error comes the first. */
export function step(rows: readonly Row[], at: number, direction: Direction, noise: boolean): number | undefined {
  const counted = rows.filter((row) => noise || !row.noise);
  switch (direction) {
    case "next":
      return counted.find((row) => row.index > at)?.index;
    case "previous":
      return counted.findLast((row) => row.index < at)?.index;
    case "nextError": {
      const errors = counted.filter((row) => row.mark !== "");
      return (errors.find((row) => row.index > at) ?? errors[0])?.index;
    }
  }
}

/** Where to begin: at the deepest of what failed last, else at the first step. */
export function firstStep(rows: readonly Row[]): number {
  const failed = rows.filter((row) => row.mark === "failed" && !row.noise);
  const deepest = failed.reduce<Row | undefined>((one, row) => (one && one.depth > row.depth ? one : row), undefined);
  return deepest?.index ?? rows.find((row) => !row.noise)?.index ?? 0;
}

/** Which part of the whole time a step took, in hundredths. */
export interface Span {
  readonly left: number;
  readonly width: number;
}

export function axis(rows: readonly Row[]): { readonly fromMs: number; readonly toMs: number } {
  let fromMs = 0;
  let toMs = 0;
  for (const row of rows) {
    fromMs = Math.min(fromMs, row.startMs);
    toMs = Math.max(toMs, row.startMs + row.durationMs);
  }
  return { fromMs, toMs: Math.max(toMs, fromMs + 0.001) };
}

export function bar(row: Row, whole: { readonly fromMs: number; readonly toMs: number }): Span {
  const total = whole.toMs - whole.fromMs;
  const left = Math.min(((row.startMs - whole.fromMs) / total) * 100, 99.6);
  return { left, width: Math.max(Math.min((row.durationMs / total) * 100, 100 - left), 0.4) };
}

/** Round times for the axis, in milliseconds after its start: a few, 0 among them. */
export function ticks(totalMs: number, most = 5): number[] {
  const raw = totalMs / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const unit = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw) ?? raw;
  const found: number[] = [];
  for (let number = 0; number * unit <= totalMs; number += 1) {
    found.push(number * unit);
  }
  return found;
}
