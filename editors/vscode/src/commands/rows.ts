// Commands about rows: what happened to one, and who wrote what it holds.

import * as vscode from "vscode";
import { ResponseError } from "vscode-languageclient/node";
import { ask, show } from "../asking";
import type { Flux } from "../flux";
import { withoutIcons } from "../requests";
import { typedKey } from "../typed";

interface Row {
  readonly key: Readonly<Record<string, unknown>>;
}

export async function history(flux: Flux, given?: unknown): Promise<void> {
  await about(flux, "history", given);
}

export async function blame(flux: Flux, given?: unknown): Promise<void> {
  await about(flux, "blame", given);
}

async function about(flux: Flux, name: "history" | "blame", given: unknown): Promise<void> {
  const named = (typeof given === "object" && given !== null ? given : {}) as { table?: unknown; id?: unknown };
  const title = name === "history" ? "What happened to which row?" : "Who wrote what which row holds?";
  const table = typeof named.table === "string" ? named.table : await chooseTable(flux, title);
  if (table === undefined) {
    return;
  }
  const id = typeof named.id === "string" ? named.id : await chooseKey(flux, title, table, name === "blame");
  if (id !== undefined) {
    await show(flux, name, id === "" ? { table } : { table, id });
  }
}

/** Nobody has a table of this name: asked for it, the server names those that there are. */
const NO_TABLE = "";

async function chooseTable(flux: Flux, title: string): Promise<string | undefined> {
  const tables = await flux.execute("blame", { table: NO_TABLE }).then(
    () => [],
    (error: unknown) => (error instanceof ResponseError ? candidates(error.data) : []),
  );
  if (tables.length === 0) {
    void vscode.window.showInformationMessage(
      "Flux: no row change is recorded. Start the service with flux run, which records them.",
    );
    return undefined;
  }
  return vscode.window.showQuickPick(tables, { title, placeHolder: "Which table?" });
}

function candidates(data: unknown): string[] {
  const found = (data as { candidates?: unknown } | undefined)?.candidates;
  return Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
}

/** The key as it is typed; the empty text for all rows, where that can be asked. */
async function chooseKey(flux: Flux, title: string, table: string, all: boolean): Promise<string | undefined> {
  const answer = await ask<{ rows?: readonly Row[] }>(flux, "blame", { table });
  if (answer === undefined) {
    return undefined;
  }
  const keys = [...new Set((answer.rows ?? []).map((row) => typedKey(row.key)).filter((key) => key !== ""))];
  const another = { label: "$(edit) Another key…", key: undefined };
  const chosen = await vscode.window.showQuickPick(
    [
      ...(all ? [{ label: "$(list-unordered) All rows", key: "" }] : []),
      ...keys.map((key) => ({ label: withoutIcons(key), key })),
      another,
    ],
    { title, placeHolder: `Which row of ${table}? Those that changed last come first` },
  );
  if (chosen !== another) {
    return chosen?.key;
  }
  return vscode.window.showInputBox({
    title,
    prompt: "The primary key: 42, or order_id=7,position=2",
    validateInput: (text) => (text.trim() === "" ? "Which row?" : undefined),
  });
}
