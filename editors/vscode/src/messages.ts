// What the language server speaks beyond the protocol: its messages, its commands, and the shapes of their answers.

export const STATUS = "flux/status";
export const TRUST = "flux/trust";
export const SUBSCRIBE_TAIL = "flux/subscribeTail";
export const UNSUBSCRIBE_TAIL = "flux/unsubscribeTail";
export const TAIL = "flux/tail";
export const SUBSCRIBE_ERRORS = "flux/subscribeErrors";
export const UNSUBSCRIBE_ERRORS = "flux/unsubscribeErrors";
export const ERRORS = "flux/errors";

/** The commands of the server, by the last word of their id `flux.server.*`. */
export const COMMANDS = [
  "tail",
  "samples",
  "why",
  "trace",
  "debug",
  "diff",
  "history",
  "blame",
  "replay",
  "bisect",
  "writeTest",
  "explain",
  "errors",
  "doctor",
  "dismiss",
  "restore",
  "status",
] as const;
export type CommandName = (typeof COMMANDS)[number];

export interface RequestShape {
  readonly id: string;
  readonly short_id: string;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly service: string;
  readonly environment: string | null;
  readonly revision: string | null;
  readonly kind: string;
  readonly name: string;
  readonly method: string | null;
  readonly path: string | null;
  readonly route: string | null;
  readonly function: string | null;
  readonly status: number | null;
  readonly failed: boolean;
  readonly error: string | null;
  readonly complete: boolean;
  readonly spans: number;
  readonly aliases: readonly string[];
}

/** A request of a subscription; `correction`: it was told before, and reads differently now. */
export interface TailedRequest extends RequestShape {
  readonly correction: boolean;
}

export interface TailParams {
  readonly id: string;
  readonly requests: readonly TailedRequest[];
}

/** Requests that are stored, the oldest first; `earlier` goes on to older ones, as `before`. */
export interface TailAnswer {
  readonly requests: readonly RequestShape[];
  readonly earlier: string | null;
}

/** The latest requests of an issue group, the newest first. */
export interface SamplesAnswer {
  readonly requests: readonly RequestShape[];
}

export type Anchor = "exact" | "moved" | "edited" | "gone" | "unmapped";

/** A place in the code. Lines and columns count from 1, columns in code points. */
export interface FrameShape {
  readonly path: string;
  readonly recorded_path: string;
  readonly line: number;
  readonly recorded_line: number;
  readonly column: number | null;
  readonly function: string;
  readonly in_app: boolean;
  readonly anchor: Anchor;
  readonly source: string | null;
  readonly locals: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
  readonly candidates: readonly string[];
  readonly function_edited: boolean;
}

export type GroupState = "failing" | "handled" | "resolved" | "dismissed";

/** The failures with one fingerprint. */
export interface GroupShape {
  readonly fingerprint: string;
  readonly type: string;
  readonly message: string;
  readonly location: FrameShape | null;
  readonly location_reason: string | null;
  readonly count: number;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly first_revision: string | null;
  readonly sample_request_id: string;
  readonly state: GroupState;
  readonly handled: boolean;
  readonly route: string | null;
  readonly other_locations: readonly FrameShape[];
  readonly resolved_by: { readonly request_id: string; readonly status: number | null; readonly at: string } | null;
}

export interface ErrorsAnswer {
  readonly groups: readonly GroupShape[];
}

/** What is asked of a failed request for its place. */
export interface WhyAnswer {
  readonly request: RequestShape;
  readonly root_cause: {
    readonly type: string;
    readonly message: string;
    readonly span_id: string;
    readonly span_name: string;
  } | null;
  readonly location: FrameShape | null;
  readonly location_reason: string | null;
  readonly frames: readonly FrameShape[];
}

export type RowOutcome = "committed" | "rolled_back" | "unknown";

/** What a request did to one row. */
export interface RowShape {
  readonly table: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly operation: "insert" | "update" | "delete";
  readonly columns: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
  readonly outcome: RowOutcome;
  readonly span_id: string;
  readonly request_id: string;
  readonly at: string;
  readonly frame: FrameShape | null;
}

/** A row at a moment of a request, as far as its changes tell. */
export interface RowState {
  readonly table: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly exists: boolean;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly pending: boolean;
  readonly outcome: RowOutcome;
}

export interface SpanShape {
  readonly span_id: string;
  readonly parent_id: string | null;
  readonly name: string;
  readonly kind: string;
  readonly service: string;
  readonly start_ms: number;
  readonly duration_ms: number;
  readonly status: string;
  readonly error: string | null;
  readonly input: unknown;
  readonly output: unknown;
  readonly frame: FrameShape | null;
  readonly row_changes: readonly RowShape[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly depth: number;
  readonly parent_missing: boolean;
  readonly recorded: readonly ("input" | "output")[];
  readonly outcome: RowOutcome | null;
}

/** A span, and the rows as they were at that step; `noise` says nothing of its own. */
export interface StepShape extends SpanShape {
  readonly rows_state: readonly RowState[];
  readonly noise: boolean;
}

export interface TraceAnswer {
  readonly request: RequestShape;
  readonly spans: readonly SpanShape[];
}

export interface DebugAnswer {
  readonly request: RequestShape;
  readonly spans: readonly StepShape[];
}

/** One difference; `before_path` is where it was before. */
export interface FieldShape {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly noise: boolean;
  readonly change: "added" | "removed" | "changed" | "moved";
  readonly before_path: string;
  readonly reason: string | null;
  readonly repeats: boolean;
}

export type Change = "added" | "removed" | "changed" | "same";

export interface SpanDiff {
  readonly change: Change;
  readonly before: SpanShape | null;
  readonly after: SpanShape | null;
  readonly fields: readonly FieldShape[];
  readonly noise: boolean;
}

export interface RowDiff {
  readonly change: Change;
  readonly before: RowShape | null;
  readonly after: RowShape | null;
  readonly fields: readonly FieldShape[];
}

export type Verdict = "FIXED" | "REGRESSED" | "CHANGED" | "IDENTICAL";

/** Two requests compared; `chosen` says which of them was not given but found, `muted` counts what is noise. */
export interface DiffShape {
  readonly before: RequestShape;
  readonly after: RequestShape;
  readonly verdict: Verdict;
  readonly summary: string;
  readonly spans: readonly SpanDiff[];
  readonly rows: readonly RowDiff[];
  readonly muted: number;
  readonly chosen: "before" | "after" | null;
  readonly given: readonly string[];
}

export interface Replayed {
  readonly request_id: string;
  readonly name: string;
  readonly method: string | null;
  readonly path: string | null;
  readonly was: number | null;
  readonly now: number | null;
  readonly duration_ms: number;
  readonly outcome: "passing" | "failing" | "blocked" | "skipped" | "error";
  readonly reason: string | null;
  readonly mend: string | null;
  readonly diff: DiffShape | null;
  readonly was_failed: boolean;
}

/**
 * `guard` says what kept the side effects in; `unsaved` are files whose text in the editor is not what ran; `rows` tells
 * which rows of the copied databases were put back, and which were not and why.
 */
export interface ReplayAnswer {
  readonly requests: readonly Replayed[];
  readonly passing: number;
  readonly failing: number;
  readonly guard: "namespace" | "python" | null;
  readonly unsaved: readonly string[];
  readonly rows: string | null;
}

export interface BrokenLink {
  readonly name: string;
  readonly detail: string;
}

export interface Status {
  readonly settings: string;
  readonly collector: {
    readonly state: "off" | "starting" | "running" | "failed";
    readonly detail: string;
    readonly http_port: number | null;
    readonly grpc_port: number | null;
    readonly pid: number | null;
    readonly broken: readonly BrokenLink[];
  };
  readonly store: { readonly path: string; readonly state: "waiting" | "ready" | "failed"; readonly detail: string };
  readonly empty: boolean;
  readonly last_request: RequestShape | null;
  readonly failing: number;
  readonly unplaced: number;
  readonly unplaced_reason: string;
  readonly located: number;
  readonly broken: BrokenLink | null;
}

/** What every command answers with, besides its data. */
export interface Answer {
  readonly uri: string;
  readonly text: string;
}
