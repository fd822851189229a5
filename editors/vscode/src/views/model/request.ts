// How a request looks in one line: what it was, how it went, how long it took.

import type { RequestShape } from "../../messages";
import { isRefused, latency, what } from "../../requests";
import { firstLine, plain } from "./plain";
import { clock } from "./words";

/** `failed`: it died; `refused`: it was answered with 4xx; `incomplete`: its root span has not come. */
export type Went = "ok" | "refused" | "failed" | "incomplete";

export function went(request: RequestShape): Went {
  if (request.failed) {
    return "failed";
  }
  if (isRefused(request)) {
    return "refused";
  }
  return request.complete ? "ok" : "incomplete";
}

export function title(request: RequestShape): string {
  return plain(what(request));
}

export function outcome(request: RequestShape): string {
  if (request.status !== null) {
    return String(request.status);
  }
  return request.failed ? "failed" : "ok";
}

/** What stands behind the title: `500 · 44 ms · req:550e8400 · KeyError: 'plan'`. */
export function facts(request: RequestShape): string {
  const parts = [outcome(request), latency(request.duration_ms), `req:${request.short_id}`];
  if (!request.complete) {
    parts.push("incomplete");
  }
  if (request.failed && request.error !== null) {
    parts.push(firstLine(request.error));
  }
  return parts.join(" · ");
}

/** All that the line tells, and what there is no room for in it. */
export function details(request: RequestShape, nowMs: number): [name: string, value: string][] {
  const told: [string, string | null][] = [
    ["started", clock(request.started_at, nowMs)],
    ["took", latency(request.duration_ms)],
    ["service", request.service],
    ["environment", request.environment],
    ["route", request.route],
    ["function", request.function],
    ["revision", request.revision === null ? null : request.revision.slice(0, 12)],
    ["spans", String(request.spans)],
    ["also called", request.aliases.join(", ")],
  ];
  return told.flatMap(([name, value]) => (value === null || value === "" ? [] : [[name, plain(value)]]));
}
