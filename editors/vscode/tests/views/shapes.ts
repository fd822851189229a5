// Requests, steps and comparisons for the tests, with what a test does not care about left at ordinary values.

import type { DiffShape, FrameShape, GroupShape, RequestShape, SpanShape, StepShape } from "../../src/messages";

export function request(changes: Partial<RequestShape> = {}): RequestShape {
  const id = changes.id ?? "550e8400".padEnd(32, "0");
  return {
    id,
    short_id: id.slice(0, 8),
    started_at: "2026-05-01T12:00:00.000000+00:00",
    duration_ms: 44,
    service: "shop",
    environment: null,
    revision: null,
    kind: "http",
    name: "POST /signup",
    method: "POST",
    path: "/signup",
    route: "/signup",
    function: null,
    status: 201,
    failed: false,
    error: null,
    complete: true,
    spans: 1,
    aliases: [],
    ...changes,
  };
}

/** So many requests, a second apart, the first the oldest. */
export function requests(count: number, from = 0): RequestShape[] {
  return Array.from({ length: count }, (_, index) => numbered(from + index));
}

export function numbered(number: number): RequestShape {
  const at = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
  return request({
    id: number.toString(16).padStart(32, "0"),
    started_at: at.replace("Z", "000+00:00"),
    path: `/${number}`,
  });
}

export function frame(changes: Partial<FrameShape> = {}): FrameShape {
  return {
    path: "shop/payments.py",
    recorded_path: "/srv/shop/shop/payments.py",
    line: 13,
    recorded_line: 13,
    column: null,
    function: "send",
    in_app: true,
    anchor: "exact",
    source: "raise Timeout()",
    locals: null,
    reason: null,
    candidates: [],
    function_edited: false,
    ...changes,
  };
}

export function span(name: string, depth: number, changes: Partial<SpanShape> = {}): SpanShape {
  return {
    span_id: name,
    parent_id: null,
    name,
    kind: "internal",
    service: "shop",
    start_ms: 0,
    duration_ms: 10,
    status: "unset",
    error: null,
    input: null,
    output: null,
    frame: null,
    row_changes: [],
    attributes: {},
    depth,
    parent_missing: false,
    recorded: [],
    outcome: null,
    ...changes,
  };
}

export function step(name: string, depth: number, changes: Partial<StepShape> = {}): StepShape {
  return { ...span(name, depth), rows_state: [], noise: false, ...changes };
}

export function group(changes: Partial<GroupShape> = {}): GroupShape {
  return {
    fingerprint: "f1",
    type: "KeyError",
    message: "'plan'",
    location: frame(),
    location_reason: null,
    count: 3,
    first_seen: "2026-05-01T11:00:00+00:00",
    last_seen: "2026-05-01T12:00:00+00:00",
    first_revision: null,
    sample_request_id: "550e8400".padEnd(32, "0"),
    state: "failing",
    handled: false,
    route: "POST /signup",
    other_locations: [],
    resolved_by: null,
    ...changes,
  };
}

export function diff(changes: Partial<DiffShape> = {}): DiffShape {
  return {
    before: request({ status: 500, failed: true, error: "KeyError: 'plan'" }),
    after: request({ id: "7b1d3f9a".padEnd(32, "0") }),
    verdict: "FIXED",
    summary: "Fix verified: 500 became 201",
    spans: [],
    rows: [],
    muted: 0,
    chosen: null,
    given: [],
    ...changes,
  };
}
