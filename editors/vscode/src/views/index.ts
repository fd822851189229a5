// The views: what stands in the side bar and in panels. Each is registered here, and lives from the events of `Flux`.

import * as vscode from "vscode";
import { show, telling } from "../asking";
import type { Flux, Parameters } from "../flux";
import type { FrameShape, ReplayAnswer, TraceAnswer, WhyAnswer } from "../messages";
import { withProgress } from "../running";
import { ComparePanels } from "./comparePanel";
import { Failures, type GroupNode } from "./failures";
import { askForFilter } from "./filtering";
import { openFrame } from "./location";
import { changed, EVERY } from "./model/filter";
import { isPlaced } from "./model/steps";
import { RequestPanels } from "./requestPanel";
import { LiveRequests } from "./requests";
import type { RequestNode } from "./trees";

export function registerViews(flux: Flux): vscode.Disposable[] {
  const requests = new LiveRequests(flux);
  const failures = new Failures(flux);
  const requestPanels = new RequestPanels(flux);
  const comparePanels = new ComparePanels(flux);

  const step = (parameters: Parameters) => requestPanels.show(String(parameters.id));
  flux.presenters.set("debug", step);
  flux.presenters.set("trace", step);
  flux.presenters.set("diff", ({ id, other }) =>
    comparePanels.compare(String(id), other === undefined ? undefined : String(other)),
  );
  flux.presenters.set("replay", (parameters) => replay(flux, comparePanels, parameters));

  const commands: Readonly<Record<string, (...given: unknown[]) => unknown>> = {
    "flux.requests.open": (node, selected) =>
      each(requests.meant(node, selected).slice(0, 1), (at) => open(flux, at.id)),
    "flux.requests.older": () => requests.loadOlder(),
    "flux.requests.pause": () => requests.pause(),
    "flux.requests.resume": () => requests.resume(),
    "flux.requests.filter": async () => {
      const wanted = await askForFilter(requests.wanted);
      if (wanted !== undefined) {
        await requests.want(wanted);
      }
    },
    "flux.requests.errorsOnly": () => requests.want(changed(requests.wanted, "errorsOnly", true)),
    "flux.requests.everything": () => requests.want(changed(requests.wanted, "errorsOnly", undefined)),
    "flux.requests.clearFilter": () => requests.want(EVERY),
    "flux.requests.copyId": (node, selected) =>
      vscode.env.clipboard.writeText(
        requests
          .meant(node, selected)
          .map((at) => `req:${at.request.short_id}`)
          .join(" "),
      ),
    "flux.requests.compare": (node, selected) => compare(flux, requests.meant(node, selected)),
    "flux.requests.compareWithGood": (node, selected) =>
      each(requests.meant(node, selected).slice(0, 1), (at) => show(flux, "diff", { id: at.id })),
    "flux.requests.replay": (node, selected) => {
      const ids = requests.meant(node, selected).map((at) => at.id);
      return vscode.commands.executeCommand("flux.replay", ids.length > 1 ? ids : ids[0]);
    },
    "flux.failures.open": (node) => openGroup(flux, (node ?? failures.view.selection[0]) as GroupNode | undefined),
  };

  return [
    requests,
    failures,
    requestPanels,
    comparePanels,
    ...Object.entries(commands).map(([id, run]) =>
      vscode.commands.registerCommand(id, (...given: unknown[]) => telling(flux, async () => await run(...given))),
    ),
  ];
}

let openings = 0;

/**
 * Goes to the line that a request is about today; what has none is shown step by step. Whoever has gone on to another
 * request by the time that it is known is not taken back.
 */
async function open(flux: Flux, id: string): Promise<void> {
  openings += 1;
  const mine = openings;
  const why = await flux.execute<WhyAnswer>("why", { id });
  if (mine !== openings || (await openFrame(why.location)) !== undefined) {
    return;
  }
  const { request, spans } = await flux.execute<TraceAnswer>("trace", { id });
  if (mine !== openings) {
    return;
  }
  const frames = spans.flatMap((span) => (isPlaced(span.frame) ? [span.frame] : []));
  if ((await openFrame(entryOf(frames, request.function))) === undefined) {
    await show(flux, "debug", { id });
  }
}

/** The handler of a request among the frames of its spans, else the first of them. */
function entryOf(frames: readonly FrameShape[], handler: string | null): FrameShape | null {
  return frames.find((frame) => frame.function === handler) ?? frames[0] ?? null;
}

async function openGroup(flux: Flux, node: GroupNode | undefined): Promise<void> {
  if (node?.kind === "group" && (await openFrame(node.group.location)) === undefined) {
    await show(flux, "why", { id: node.requestId });
  }
}

/** Two rows, the earlier one first; a single one with what the user chooses. */
async function compare(flux: Flux, rows: readonly RequestNode[]): Promise<void> {
  const [first, second] = [...rows].sort((one, other) => (one.request.started_at < other.request.started_at ? -1 : 1));
  if (first !== undefined && second !== undefined) {
    await show(flux, "diff", { id: first.id, other: second.id });
  } else {
    await vscode.commands.executeCommand("flux.diff", first);
  }
}

/** Runs it; one request is then compared with how it was, several are told on a page. */
async function replay(flux: Flux, panels: ComparePanels, parameters: Parameters): Promise<void> {
  const answer =
    parameters.latest === true
      ? await flux.execute<ReplayAnswer>("replay", parameters)
      : await withProgress<ReplayAnswer>(await flux.ready(), "replay", parameters);
  if (!(await panels.showReplay(answer))) {
    await flux.pages.show(answer.uri);
  }
}

async function each(rows: readonly RequestNode[], act: (row: RequestNode) => Promise<void>): Promise<void> {
  for (const row of rows) {
    await act(row);
  }
}
