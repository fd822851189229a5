// A request in words: as a row of a list, and what belongs to one.

import type { RequestShape } from "./messages";

export interface Label {
  readonly label: string;
  readonly description: string;
  readonly detail?: string;
}

/** A row of a quick pick. */
export function labelOf(request: RequestShape, now = Date.now()): Label {
  const icon = request.failed ? "$(error)" : isRefused(request) ? "$(warning)" : "$(pass)";
  const outcome = request.status ?? (request.failed ? "err" : "ok");
  return {
    label: `${icon} ${withoutIcons(what(request))}`,
    description: [outcome, latency(request.duration_ms), `req:${request.short_id}`, ago(request.started_at, now)].join(
      "  ",
    ),
    ...(request.error ? { detail: withoutIcons(request.error.split(/\r?\n/)[0] ?? "") } : {}),
  };
}

/** Method and path of an HTTP request; for others what it is, and its name. */
export function what(request: RequestShape): string {
  return request.method !== null
    ? `${request.method} ${request.path ?? request.route ?? request.name}`
    : `${request.kind} ${request.name}`.trim();
}

export function isRefused(request: RequestShape): boolean {
  return !request.failed && request.status !== null && request.status >= 400;
}

/** Recorded text for where `$(name)` would be drawn as an icon, and a control character would be nothing. */
export function withoutIcons(text: string): string {
  return text.replace(/\$\(/g, "$\u200b(").replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ");
}

export function latency(ms: number): string {
  if (ms < 0.95) {
    return `${ms.toFixed(1)}ms`;
  }
  if (ms < 10_000) {
    return `${ms.toFixed(0)}ms`;
  }
  if (ms < 100_000) {
    return `${(ms / 1000).toFixed(1)}s`;
  }
  const seconds = Math.round(ms / 1000);
  return seconds < 3600
    ? `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`
    : `${Math.floor(seconds / 3600)}h${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}m`;
}

/** How long ago an RFC 3339 time was. */
export function ago(timestamp: string, now = Date.now()): string {
  const seconds = Math.floor((now - Date.parse(timestamp)) / 1000);
  if (Number.isNaN(seconds)) {
    return timestamp;
  }
  if (seconds < -60) {
    return "in the future";
  }
  if (seconds < 5) {
    return "just now";
  }
  if (seconds < 60) {
    return `${seconds} s ago`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ago`;
  }
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3600)} h ago`;
  }
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}
