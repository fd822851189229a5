// Two requests compared as lines: each span that differs with the fields that do, the others folded, then the rows.

import type {
  Change,
  DiffShape,
  FieldShape,
  ReplayAnswer,
  RequestShape,
  RowDiff,
  RowShape,
  SpanDiff,
} from "../../messages";
import { latency } from "../../requests";
import { fromDifference, plain } from "./plain";
import { facts, title, went } from "./request";
import { OPERATIONS, OUTCOMES, rowName } from "./rows";
import { bare } from "./values";
import { counted } from "./words";

/** A value on one of the two sides; nothing where there was none. */
export interface Side {
  readonly text: string;
  /** The whole of it, where the text was cut. */
  readonly whole: unknown;
}

export type Line =
  | {
      readonly kind: "span";
      readonly change: Change;
      readonly depth: number;
      readonly name: string;
      readonly before: string;
      readonly after: string;
      readonly mark: "failed" | "fixed" | "";
      /** Which of the two has a line in today's code: its span. */
      readonly place: { readonly side: "before" | "after"; readonly spanId: string } | null;
    }
  | {
      readonly kind: "field";
      readonly depth: number;
      readonly change: FieldShape["change"];
      readonly path: string;
      readonly before: Side | null;
      readonly after: Side | null;
      /** Why it is noise; empty for what counts. */
      readonly noise: string;
    }
  | { readonly kind: "folded"; readonly depth: number; readonly text: string }
  | { readonly kind: "heading"; readonly text: string }
  | {
      readonly kind: "row";
      readonly change: Change;
      readonly name: string;
      readonly before: string;
      readonly after: string;
    };

/** What stands above the lines. */
export interface Head {
  readonly verdict: DiffShape["verdict"];
  readonly words: string;
  readonly summary: string;
  readonly notes: readonly string[];
  readonly muted: number;
  readonly before: RequestHead;
  readonly after: RequestHead;
}

export interface RequestHead {
  readonly id: string;
  readonly title: string;
  readonly facts: string;
  readonly went: ReturnType<typeof went>;
}

const VERDICTS: Readonly<Record<DiffShape["verdict"], string>> = {
  FIXED: "Fixed",
  REGRESSED: "Regressed",
  CHANGED: "Changed",
  IDENTICAL: "Identical",
};
const VALUE = 160;
const AGAIN: Readonly<Record<string, readonly string[]>> = {
  status: ["error"],
  'attributes["http.response.status_code"]': ["output", "output.status"],
};
/** They stand in the row's own line. */
const TOLD_OF_ROWS = new Set(["outcome", "operation"]);

/** With `replay`, the second is a run of today's code, which is in no store. */
export function head(diff: DiffShape, replay?: ReplayAnswer): Head {
  const notes: string[] = [];
  if (diff.chosen !== null) {
    notes.push(`req:${diff[diff.chosen].short_id} is the last good request of this route`);
  }
  notes.push(...(replay === undefined ? [] : replayNotes(replay)));
  if (diff.given.length > 0) {
    notes.push(`what was given differs: ${diff.given.map(plain).join(", ")}`);
  }
  return {
    verdict: diff.verdict,
    words: VERDICTS[diff.verdict],
    summary: plain(diff.summary),
    notes,
    muted: diff.muted,
    before: requestHead(diff.before),
    after: requestHead(diff.after),
  };
}

const GUARDS = {
  namespace: "side effects were off: no network (kernel namespace), and Python's hooks",
  python: "side effects were off: Python's hooks",
};

/** What came of the run: `1 replayed · 1 passing`, under which guard, and what it was not. */
function replayNotes({ requests: [only], guard, unsaved, rows }: ReplayAnswer): string[] {
  const failing = only?.was_failed ? "1 still failing" : "1 failing now";
  const came = only === undefined ? "" : only.outcome === "failing" ? failing : `1 ${only.outcome}`;
  return [
    `1 replayed · ${came}, with the code that is saved now`,
    ...[only?.reason, only?.mend].flatMap((words) => (words ? [plain(words)] : [])),
    ...(unsaved.length === 0 ? [] : [`not saved, so not run: ${unsaved.map(plain).join(", ")}`]),
    ...(guard === null ? [] : [GUARDS[guard]]),
    ...(rows === null ? [] : [plain(rows)]),
  ];
}

function requestHead(request: RequestShape): RequestHead {
  return { id: request.id, title: title(request), facts: facts(request), went: went(request) };
}

/** `whole`: with what is noise, too. */
export function lines(diff: DiffShape, whole: boolean): Line[] {
  const found: Line[] = [];
  let folded: SpanDiff[] = [];
  const fold = () => {
    const first = folded[0];
    if (first !== undefined) {
      found.push({ kind: "folded", depth: depth(first), text: `${counted(folded.length, "span")} the same` });
    }
    folded = [];
  };
  for (const span of diff.spans) {
    const fields = span.fields.filter((field) => counts(field, whole) && (whole || !isToldAgain(field, span.fields)));
    if (span.noise && !whole) {
      continue;
    }
    if (span.change === "same" && fields.length === 0) {
      folded.push(span);
      continue;
    }
    fold();
    found.push(spanLine(span), ...fields.map((field) => fieldLine(field, depth(span) + 1)));
  }
  fold();
  const rows = diff.rows.filter((row) => row.change !== "same" || whole);
  if (rows.length > 0) {
    found.push({ kind: "heading", text: "Rows changed" });
  }
  for (const row of rows) {
    found.push(rowLine(row));
    const fields = row.change === "changed" || row.change === "same" ? row.fields : [];
    found.push(
      ...fields
        .filter((field) => counts(field, whole) && (whole || !TOLD_OF_ROWS.has(field.path)))
        .map((field) => fieldLine(field, 1)),
    );
  }
  return found;
}

/** What another difference of the same span says already. */
function isToldAgain(field: FieldShape, fields: readonly FieldShape[]): boolean {
  const by = AGAIN[field.path] ?? [];
  return fields.some((other) => by.includes(other.path) && !other.noise);
}

function counts(field: FieldShape, whole: boolean): boolean {
  return whole || (!field.noise && !field.repeats);
}

function depth(span: SpanDiff): number {
  return (span.after ?? span.before)?.depth ?? 0;
}

function spanLine(span: SpanDiff): Line {
  const { before, after } = span;
  const names = [before?.name, after?.name].filter((name) => name !== undefined);
  const mark = after?.error ? "failed" : before?.error && after ? "fixed" : "";
  const side = after?.frame ? "after" : before?.frame ? "before" : null;
  return {
    kind: "span",
    change: span.change,
    depth: depth(span),
    name: [...new Set(names.map((name) => plain(name) || "(no name)"))].join(" → "),
    before: before === null ? "" : latency(before.duration_ms),
    after: after === null ? "" : latency(after.duration_ms),
    mark,
    place: side === null ? null : { side, spanId: span[side]?.span_id ?? "" },
  };
}

function fieldLine(field: FieldShape, at: number): Line {
  const moved = field.change === "moved";
  return {
    kind: "field",
    depth: at,
    change: field.change,
    path: fieldName(field),
    before: field.change === "added" ? null : side(field.before, field.after, moved),
    after: field.change === "removed" ? null : side(field.after, field.before, moved),
    noise: field.noise ? (field.reason ?? "noise") : field.repeats ? "told above" : "",
  };
}

/** Without what the line says anyway: an attribute goes by its name, a duration by what it is. */
function fieldName(field: FieldShape): string {
  const path =
    field.before_path === field.path || field.change === "added" || field.change === "removed"
      ? field.path
      : `${field.before_path} → ${field.path}`;
  const attribute = /^attributes\["(.*)"\]$/.exec(path)?.[1] ?? /^attributes\.([^.[]*)$/.exec(path)?.[1];
  return plain(attribute ?? (path === "duration_ms" ? "duration" : path));
}

function side(value: unknown, other: unknown, moved: boolean): Side {
  if (moved) {
    return { text: `position ${String(value)}`, whole: value };
  }
  const shown = typeof value === "string" && typeof other === "string" ? fromDifference(value, other, VALUE) : value;
  return { text: bare(shown, VALUE), whole: value };
}

function rowLine(row: RowDiff): Line {
  const shown = row.after ?? row.before;
  return {
    kind: "row",
    change: row.change,
    name: shown === null ? "" : rowName(shown.table, shown.key),
    before: rowWords(row.before),
    after: rowWords(row.after),
  };
}

function rowWords(row: RowShape | null): string {
  return row === null ? "" : `${OPERATIONS[row.operation]}, ${OUTCOMES[row.outcome]}`;
}
