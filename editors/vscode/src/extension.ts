// The entry: puts the parts together, and takes them apart again.

import * as vscode from "vscode";
import { registerCommands } from "./commands";
import { Flux } from "./flux";
import { registerHints } from "./hints/decorations";
import { TRUST } from "./messages";
import { registerStatus } from "./status/item";
import { registerViews } from "./views";

let flux: Flux | undefined;

/** What the tests in the extension host ask. */
export interface Api {
  readonly flux: Flux;
}

export function activate(context: vscode.ExtensionContext): Api {
  const output = vscode.window.createOutputChannel("Flux", { log: true });
  const made = new Flux(context, output);
  flux = made;
  context.subscriptions.push(
    output,
    made,
    ...registerCommands(made),
    ...registerHints(made),
    ...registerStatus(made),
    ...registerViews(made),
    vscode.workspace.onDidGrantWorkspaceTrust(() => made.client?.sendNotification(TRUST, { trusted: true })),
  );
  void made.server.start();
  return { flux: made };
}

export async function deactivate(): Promise<void> {
  await flux?.server.dispose();
}
