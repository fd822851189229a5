// The commands of the palette, by id: each asks what it needs, and shows what the server answers.

import * as vscode from "vscode";
import { telling } from "../asking";
import type { Flux } from "../flux";
import { OPEN_PAGE } from "../links";
import { install } from "../server/install";
import { showMenu } from "../status/menu";
import { dismiss, errors, restore } from "./groups";
import { debug, diff, doctor, explain, explainSend, tail, trace, why, writeTest } from "./requests";
import { blame, history } from "./rows";
import { bisect, replay } from "./runs";
import { demo, prune, run, serve } from "./terminal";

type Run = (flux: Flux, ...given: unknown[]) => unknown;

/** Those that have the name of a command of the server ask that. */
export const COMMANDS: Readonly<Record<string, Run>> = {
  "flux.why": why,
  "flux.trace": trace,
  "flux.debug": debug,
  "flux.diff": diff,
  "flux.replay": replay,
  "flux.bisect": bisect,
  "flux.writeTest": writeTest,
  "flux.explain": explain,
  "flux.explainSend": explainSend,
  "flux.history": history,
  "flux.blame": blame,
  "flux.errors": errors,
  "flux.tail": tail,
  "flux.doctor": doctor,
  "flux.dismiss": dismiss,
  "flux.restore": restore,
  "flux.status": showMenu,
  "flux.run": run,
  "flux.serve": serve,
  "flux.prune": prune,
  "flux.demo": demo,
  "flux.install": install,
  "flux.restart": (flux) => flux.server.restart("asked for"),
  "flux.openSettings": openSettings,
  "flux.showOutput": (flux) => flux.output.show(),
  [OPEN_PAGE]: (flux, address) => (typeof address === "string" ? flux.open(address) : undefined),
};

/** Settings of a machine are those of the one where the code is. `about`: what their names have in common. */
function openSettings(_: Flux, about?: unknown): Thenable<unknown> {
  const where = vscode.env.remoteName === undefined ? "openSettings" : "openRemoteSettings";
  const query = typeof about === "string" ? `@ext:flux-ls.flux ${about}` : "@ext:flux-ls.flux";
  return vscode.commands.executeCommand(`workbench.action.${where}`, { query });
}

export function registerCommands(flux: Flux): vscode.Disposable[] {
  return Object.entries(COMMANDS).map(([id, command]) =>
    vscode.commands.registerCommand(id, (...given: unknown[]) =>
      telling(flux, async () => {
        await command(flux, ...given);
      }),
    ),
  );
}
