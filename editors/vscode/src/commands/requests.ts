// Commands about one request: why it failed, its spans, its steps, how it differs, what a model would be asked.

import * as vscode from "vscode";
import { askedBy } from "../addresses";
import { ask, show } from "../asking";
import type { Flux } from "../flux";
import { withProgress } from "../running";
import { chooseRequest } from "./choosing";

export async function why(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "Why did this fail?", failed: true });
  if (id !== undefined) {
    await show(flux, "why", { id });
  }
}

export async function trace(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "The spans of which request?" });
  if (id !== undefined) {
    await show(flux, "trace", { id });
  }
}

export async function debug(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "Which request step by step?" });
  if (id !== undefined) {
    await show(flux, "debug", { id });
  }
}

const GOOD = "the last good request of its route";

export async function diff(flux: Flux, given?: unknown, second?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "Compare which request?" });
  if (id === undefined) {
    return;
  }
  const other = await chooseRequest(flux, second, {
    title: `Compare req:${id.slice(0, 8)} with which other?`,
    atCursor: false,
    before: [{ label: "$(pass) The last good one", description: GOOD, id: GOOD }],
  });
  if (other !== undefined) {
    await show(flux, "diff", other === GOOD ? { id } : { id, other });
  }
}

export async function writeTest(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "A regression test of which request?" });
  if (id !== undefined) {
    // The server has the editor make the file.
    await ask(flux, "writeTest", { id, show: true });
  }
}

export async function explain(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, {
    title: "What would a model be asked about which request?",
    failed: true,
  });
  if (id !== undefined) {
    await show(flux, "explain", { id });
  }
}

/** Sends the prompt, after it was said to whom and how much. */
export async function explainSend(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, { title: "Ask the model about which request?", failed: true });
  if (id === undefined) {
    return;
  }
  const prompt = await ask<{ bytes: number }>(flux, "explain", { id });
  if (prompt === undefined) {
    return;
  }
  const settings = vscode.workspace.getConfiguration("flux");
  const whom =
    settings.get<string>("explainUrl") || settings.get<string>("explainProvider") || "the provider in the settings";
  const send = "Send";
  const look = "Show the Prompt";
  const chosen = await vscode.window.showWarningMessage(
    `Send what was recorded of req:${id.slice(0, 8)} to ${whom}?`,
    { modal: true, detail: `${prompt.bytes.toLocaleString("en")} bytes, secrets taken out.` },
    send,
    look,
  );
  if (chosen === look) {
    await flux.pages.show(prompt.uri);
  } else if (chosen === send) {
    // What was ambiguous is not asked again.
    const meant = askedBy(prompt.uri)?.id ?? id;
    const answer = await withProgress(await flux.ready(), "explain", { id: meant, send: true });
    await flux.pages.show(answer.uri, answer.text);
  }
}

export async function doctor(flux: Flux, given?: unknown): Promise<void> {
  const id = typeof given === "string" ? given : undefined;
  await show(flux, "doctor", id === undefined ? {} : { id });
}

export async function tail(flux: Flux): Promise<void> {
  await show(flux, "tail", {});
}
