// The status item in words: what is connected, and the first broken link.

import type { Status } from "../messages";
import { ago, latency, what } from "../requests";
import type { Life } from "../server/lifecycle";

export type Tone = "quiet" | "warning" | "error";

export interface Said {
  readonly text: string;
  readonly tone: Tone;
  /** Name and what is so, from the server to the last request. */
  readonly lines: readonly (readonly [name: string, told: string])[];
}

export function said(life: Life, status: Status | undefined, now = Date.now()): Said {
  const server = ["Server", ofServer(life)] as const;
  switch (life.kind) {
    case "stopped":
    case "starting":
      return { text: "$(loading~spin) Flux", tone: "quiet", lines: [server] };
    case "restarting":
      return { text: "$(loading~spin) Flux: restarting", tone: "warning", lines: [server] };
    case "failed":
      return { text: "$(error) Flux: no server", tone: "error", lines: [server] };
    case "running":
      break;
  }
  if (status === undefined) {
    return { text: "$(loading~spin) Flux", tone: "quiet", lines: [server] };
  }
  const lines = [server, ["Collector", ofCollector(status)], ["Store", ofStore(status)]] as (readonly [
    string,
    string,
  ])[];
  const last = status.last_request;
  if (last !== null) {
    const outcome = last.status ?? (last.failed ? "failed" : "ok");
    lines.push(["Last request", `${what(last)} ${outcome} ${latency(last.duration_ms)}, ${ago(last.started_at, now)}`]);
  }
  lines.push(["Failing", ofFailing(status)]);
  const broken = status.broken;
  if (broken !== null) {
    lines.push(["Broken link", `${broken.name}: ${broken.detail}`]);
  }
  return { ...shown(status), lines };
}

function shown(status: Status): { text: string; tone: Tone } {
  const broken = status.broken;
  if (status.collector.state === "starting") {
    return { text: "$(loading~spin) Flux: collector", tone: "quiet" };
  }
  if (broken !== null && (status.collector.state === "failed" || status.store.state === "failed")) {
    return { text: `$(error) Flux: ${broken.name}`, tone: "error" };
  }
  // That nothing has arrived yet is how everything begins.
  if (broken !== null && broken.name !== "spans") {
    return { text: `$(warning) Flux: ${broken.name}`, tone: "warning" };
  }
  if (status.failing > 0) {
    return { text: `$(flame) ${status.failing} failing`, tone: "quiet" };
  }
  return { text: status.empty ? "$(pulse) Flux: waiting" : "$(pulse) Flux", tone: "quiet" };
}

function ofServer(life: Life): string {
  switch (life.kind) {
    case "running":
      return `flux-ls ${life.version}, ${life.candidate.command}`;
    case "restarting":
      return "it ended, and is started again";
    case "failed":
      return life.problem.text;
    case "starting":
      return "starting";
    case "stopped":
      return "not running";
  }
}

function ofCollector(status: Status): string {
  const { state, detail, http_port, grpc_port } = status.collector;
  if (state === "running") {
    const grpc = grpc_port === null ? "" : ` and gRPC on ${grpc_port}`;
    return `listens for OTLP on ${http_port}${grpc}`;
  }
  return detail === "" ? state : `${state}: ${detail}`;
}

function ofStore(status: Status): string {
  const { path, state, detail } = status.store;
  if (state === "failed") {
    return detail;
  }
  return state === "ready" ? path : `${path}, nothing is recorded yet`;
}

function ofFailing(status: Status): string {
  if (status.failing === 0) {
    return "nothing";
  }
  const kinds = status.failing === 1 ? "1 kind of failure" : `${status.failing} kinds of failure`;
  return status.unplaced === 0 ? kinds : `${kinds}, ${status.unplaced} without a place here: ${status.unplaced_reason}`;
}
