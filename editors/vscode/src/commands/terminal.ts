// Commands that belong into a terminal: run a service under the recorder, the collector, retention, the playground.

import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { offerTrust } from "../asking";
import type { Flux } from "../flux";
import { asTyped } from "../shell";

type InTerminal = (flux: Flux) => Promise<void>;

/** A terminal in the folder runs what the folder has for it: the service, and what its shell is told to do there. */
function inTrust(command: InTerminal): InTerminal {
  return (flux) =>
    vscode.workspace.isTrusted ? command(flux) : offerTrust("a terminal here would run code of this workspace");
}

export const run = inTrust(async (flux) => {
  const kept = flux.context.workspaceState.get<string>("run", "");
  const command = await vscode.window.showInputBox({
    title: "Run a service under the recorder",
    prompt: "What it is started with; inputs, outputs and rows of each request are recorded",
    placeHolder: "flask run",
    value: kept,
    validateInput: (text) => (text.trim() === "" ? "Which command?" : undefined),
  });
  if (command !== undefined) {
    await flux.context.workspaceState.update("run", command);
    await type(flux, "run", `run -- ${command.trim()}`);
  }
});

export const serve = inTrust((flux) => type(flux, "serve", "serve"));
export const prune = inTrust((flux) => type(flux, "prune", "prune"));
export const demo = inTrust((flux) => type(flux, "demo", "demo"));

async function type(flux: Flux, name: string, words: string): Promise<void> {
  const shell = path.basename(vscode.env.shell).toLowerCase();
  const program = await programOf(flux);
  const terminal = vscode.window.createTerminal({ name: `flux ${name}`, iconPath: new vscode.ThemeIcon("pulse") });
  terminal.show();
  terminal.sendText(`${asTyped(program, shell)} ${words}`);
}

/** The `flux` that belongs to the server that runs. */
async function programOf(flux: Flux): Promise<readonly string[]> {
  await flux.ready();
  const life = flux.server.life;
  if (life.kind !== "running") {
    return ["flux"];
  }
  const windows = process.platform === "win32";
  const { command, python } = life.candidate;
  const beside = path.join(path.dirname(command), windows ? "flux.exe" : "flux");
  if (fs.existsSync(beside)) {
    return [beside];
  }
  return python === undefined ? ["flux"] : [python, "-P", "-m", "flux_ls.cli"];
}
