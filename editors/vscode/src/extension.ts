// The entry: puts the parts together, and takes them apart again.

import * as vscode from "vscode";
import { Flux } from "./flux";
import { OPEN_PAGE } from "./hover";
import { TRUST } from "./messages";
import { openPage } from "./pages";
import { registerViews } from "./views";

let flux: Flux | undefined;

/** What the tests in the extension host ask. */
export interface Api {
  readonly flux: Flux;
}

export function activate(context: vscode.ExtensionContext): Api {
  const output = vscode.window.createOutputChannel("Flux", { log: true });
  flux = new Flux(context, output);
  context.subscriptions.push(
    output,
    flux,
    vscode.commands.registerCommand(OPEN_PAGE, (uri: string) => openPage(vscode.Uri.parse(uri))),
    vscode.commands.registerCommand("flux.restart", () => flux?.server.restart("asked for")),
    vscode.commands.registerCommand("flux.showOutput", () => output.show()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => flux?.client?.sendNotification(TRUST, { trusted: true })),
    ...registerViews(flux),
  );
  void flux.server.start();
  return { flux };
}

export async function deactivate(): Promise<void> {
  await flux?.server.dispose();
}
