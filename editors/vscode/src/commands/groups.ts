// Commands about issue groups: what fails, and what is not to be shown any more.

import * as vscode from "vscode";
import { ask, show } from "../asking";
import type { Finding } from "../cursor";
import type { Flux } from "../flux";
import { ago, withoutIcons } from "../requests";
import { chooseFinding, findingsAtCursor } from "./choosing";

interface Group {
  readonly fingerprint: string;
  readonly type: string;
  readonly message: string;
  readonly count: number;
  readonly last_seen: string;
  readonly route: string | null;
  readonly state: "failing" | "handled" | "resolved" | "dismissed";
}

export async function errors(flux: Flux): Promise<void> {
  await show(flux, "errors", {});
}

export async function dismiss(flux: Flux, given?: unknown): Promise<void> {
  const fingerprint = fingerprintOf(given) ?? (await chosenToDismiss(flux));
  if (fingerprint === undefined) {
    return;
  }
  if ((await ask(flux, "dismiss", { fingerprint })) !== undefined) {
    const undo = "Undo";
    if ((await vscode.window.showInformationMessage("Flux: dismissed, it is not shown any more.", undo)) === undo) {
      await ask(flux, "restore", { fingerprint });
    }
  }
}

export async function restore(flux: Flux, given?: unknown): Promise<void> {
  const title = "Show which failure again?";
  const fingerprint =
    fingerprintOf(given) ??
    (await chooseGroup(flux, title, (group) => group.state === "dismissed", "Nothing is dismissed."));
  if (fingerprint !== undefined) {
    await ask(flux, "restore", { fingerprint });
  }
}

async function chosenToDismiss(flux: Flux): Promise<string | undefined> {
  const title = "Dismiss which failure?";
  const here: Finding[] = findingsAtCursor(flux);
  if (here.length > 0) {
    return (here.length === 1 ? here[0] : await chooseFinding(here, title))?.fingerprint;
  }
  return chooseGroup(flux, title, (group) => group.state !== "dismissed", "Nothing fails.");
}

async function chooseGroup(
  flux: Flux,
  title: string,
  wanted: (group: Group) => boolean,
  otherwise: string,
): Promise<string | undefined> {
  const answer = await ask<{ groups: readonly Group[] }>(flux, "errors", {});
  if (answer === undefined) {
    return undefined;
  }
  const groups = answer.groups.filter(wanted);
  if (groups.length === 0) {
    void vscode.window.showInformationMessage(`Flux: ${otherwise}`);
    return undefined;
  }
  const items = groups.map((group) => ({
    label: withoutIcons(
      group.message === "" ? group.type : (`${group.type}: ${group.message}`.split(/\r?\n/)[0] ?? ""),
    ),
    description: `${group.count}×  ${withoutIcons(group.route ?? "")}  last ${ago(group.last_seen)}`,
    fingerprint: group.fingerprint,
  }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.fingerprint;
}

function fingerprintOf(given: unknown): string | undefined {
  if (typeof given !== "object" || given === null) {
    return undefined;
  }
  const { fingerprint, group } = given as { fingerprint?: unknown; group?: unknown };
  return typeof fingerprint === "string" ? fingerprint : fingerprintOf(group);
}
