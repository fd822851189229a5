// Commands that run code of the workspace: replays and bisects. What is typed for them is checked first.

import * as vscode from "vscode";
import { show } from "../asking";
import type { Flux, Parameters } from "../flux";
import { wrongRevision, wrongWindow } from "../typed";
import { chooseRequest, givenId } from "./choosing";

const WINDOW = "a window of time";

export async function replay(flux: Flux, given?: unknown): Promise<void> {
  const ids = Array.isArray(given) ? given.flatMap((each) => givenId(each) ?? []) : [];
  if (ids.length > 1) {
    await show(flux, "replay", { ids });
    return;
  }
  const id = await chooseRequest(flux, ids[0] ?? given, {
    title: "Run which request again?",
    before: [{ label: "$(calendar) All of a time…", description: WINDOW, id: WINDOW }],
  });
  if (id === WINDOW) {
    await replayWindow(flux);
  } else if (id !== undefined) {
    await show(flux, "replay", { id });
  }
}

export async function replayWindow(flux: Flux): Promise<void> {
  const window = await vscode.window.showInputBox({
    title: "Run all requests of a time again",
    prompt: "Such as 30m, 2h or 14:00-14:30",
    value: "30m",
    validateInput: wrongWindow,
  });
  if (window !== undefined) {
    await show(flux, "replay", { window: window.trim() });
  }
}

const BY_COMMAND = "a command that says what is good";

export async function bisect(flux: Flux, given?: unknown): Promise<void> {
  const id = await chooseRequest(flux, given, {
    title: "Find the commit that broke which request?",
    failed: true,
    before: [{ label: "$(terminal) By a command…", description: BY_COMMAND, id: BY_COMMAND }],
  });
  if (id === undefined) {
    return;
  }
  const asked = id === BY_COMMAND ? await command() : { id };
  const good = asked === undefined ? undefined : await goodRevision(id === BY_COMMAND);
  if (asked !== undefined && good !== undefined) {
    await show(flux, "bisect", good === "" ? asked : { ...asked, good });
  }
}

async function command(): Promise<Parameters | undefined> {
  const run = await vscode.window.showInputBox({
    title: "Find the commit that broke it, by a command",
    prompt: "It runs in the root of each revision: exit status 0 is good, 1 to 127 bad, 125 skips",
    placeHolder: "pytest -x tests/test_signup.py",
    validateInput: (text) => (text.trim() === "" ? "Which command?" : undefined),
  });
  return run === undefined ? undefined : { run: run.trim() };
}

async function goodRevision(needed: boolean): Promise<string | undefined> {
  const good = await vscode.window.showInputBox({
    title: "A revision that was good",
    prompt: needed ? "A tag, a branch or a commit" : "May be left out where the store knows one",
    placeHolder: "v1.4",
    validateInput: (text) => wrongRevision(text, needed),
  });
  return good?.trim();
}
