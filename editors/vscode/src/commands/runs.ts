// Commands that run code of the workspace: replays and bisects. What is typed for them is checked first.

import * as vscode from "vscode";
import { show } from "../asking";
import type { Flux, Parameters } from "../flux";
import { argumentsOf, parametersOf } from "../manner";
import { wrongWindow } from "../typed";
import { chooseRequest, givenId } from "./choosing";
import { chooseRevision } from "./revision";

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

/** Of a key binding, the arguments are the command's: `id` or `run`, `good`, `bad`, `jobs`, `firstParent`, ... */
export async function bisect(flux: Flux, given?: unknown): Promise<void> {
  const named = argumentsOf(given);
  const asked = await whatToBisect(flux, given, named.run);
  if (asked === undefined) {
    return;
  }
  const needed = asked.run !== undefined;
  const revision =
    named.good === undefined ? await chooseRevision(needed, named.manner) : { good: named.good, manner: named.manner };
  if (revision !== undefined) {
    await show(flux, "bisect", {
      ...asked,
      ...(revision.good === "" ? {} : { good: revision.good }),
      ...(named.bad === undefined ? {} : { bad: named.bad }),
      ...(named.timeout === undefined ? {} : { timeout: named.timeout }),
      ...parametersOf(revision.manner),
    });
  }
}

async function whatToBisect(flux: Flux, given: unknown, run: string | undefined): Promise<Parameters | undefined> {
  if (run !== undefined) {
    return { run };
  }
  const id = await chooseRequest(flux, given, {
    title: "Find the commit that broke which request?",
    failed: true,
    before: [{ label: "$(terminal) By a command…", description: BY_COMMAND, id: BY_COMMAND }],
  });
  if (id === undefined) {
    return undefined;
  }
  return id === BY_COMMAND ? command() : { id };
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
