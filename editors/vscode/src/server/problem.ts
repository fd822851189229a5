// What can be done about what is wrong; of no server, what was looked at, and the mends, the nearest first.

import type { Tried } from "./finding";

export type Mend = "install" | "settings" | "provider" | "select-interpreter" | "output" | "restart" | "doctor";

export interface Problem {
  readonly text: string;
  readonly mends: readonly Mend[];
}

export const MEND_WORDS: Record<Mend, string> = {
  install: "Install Flux…",
  settings: "Open Settings",
  provider: "Open Settings",
  "select-interpreter": "Select Interpreter",
  output: "Show Output",
  restart: "Restart Server",
  doctor: "Why Is Nothing Here?",
};

/** Of a search that found nothing. */
export function nothingFound(tried: readonly Tried[], interpreter: string | undefined): Problem {
  const named = tried.find((each) => each.candidate.source === "setting");
  if (named !== undefined) {
    return { text: `flux.server.path: ${told(named)}`, mends: ["settings", "install"] };
  }
  // What is there and does not work is closer to working than what is not there.
  const broken = tried.find((each) => each.verdict.kind === "broken" || each.verdict.kind === "too-old");
  if (broken !== undefined) {
    return { text: told(broken), mends: ["install", "output"] };
  }
  const old = tried.find((each) => each.verdict.kind === "old-python");
  if (old !== undefined) {
    return { text: told(old), mends: ["install", "select-interpreter"] };
  }
  return interpreter === undefined
    ? { text: "flux-ls is not installed: it is not on PATH.", mends: ["install", "settings"] }
    : { text: `flux-ls is not installed in ${interpreter}, nor on PATH.`, mends: ["install", "select-interpreter"] };
}

function told({ candidate, verdict }: Tried): string {
  const where = candidate.command;
  switch (verdict.kind) {
    case "without":
      return `${where} has no flux-ls installed.`;
    case "absent":
      return `there is no ${where}.`;
    case "too-old":
      return `${where} is flux-ls ${verdict.version}, which is too old for this extension.`;
    case "old-python":
      return `${where} is too old: ${verdict.detail}.`;
    case "broken":
      return `${where} does not run: ${verdict.detail}`;
    case "works":
      return `${where} works.`;
  }
}
