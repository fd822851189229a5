// What the language server speaks beyond the protocol: its messages, its commands, and the shapes of their answers.

export const STATUS = "flux/status";
export const TRUST = "flux/trust";
export const SUBSCRIBE_TAIL = "flux/subscribeTail";
export const UNSUBSCRIBE_TAIL = "flux/unsubscribeTail";
export const TAIL = "flux/tail";

/** The commands of the server, by the last word of their id `flux.server.*`. */
export const COMMANDS = [
  "tail",
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
