// The menu of the status item: what is so, and what can be done about it.

import * as vscode from "vscode";
import type { Flux } from "../flux";
import { withoutIcons } from "../requests";
import { said } from "./text";

interface Item extends vscode.QuickPickItem {
  readonly run?: readonly [string, ...unknown[]];
}

export async function showMenu(flux: Flux): Promise<void> {
  const { lines } = said(flux.server.life, flux.status);
  const does: Record<string, readonly [string, ...unknown[]]> = {
    Server: ["flux.showOutput"],
    Collector: ["flux.doctor"],
    Store: ["flux.doctor"],
    "Last request": ["flux.trace", flux.status?.last_request?.id],
    Failing: ["flux.errors"],
    "Broken link": ["flux.doctor"],
  };
  const told: Item[] = lines.map(([name, text]) => ({
    label: name === "Broken link" ? `$(warning) ${name}` : name,
    description: withoutIcons(text),
    ...(does[name] === undefined ? {} : { run: does[name] }),
  }));
  const actions: Item[] = [
    {
      label: "$(question) Why is nothing here?",
      description: "walk the way from the exporter to the editor",
      run: ["flux.doctor"],
    },
    { label: "$(list-unordered) What fails?", run: ["flux.errors"] },
    { label: "$(play) Run a service under the recorder…", run: ["flux.run"] },
    ...(flux.server.life.kind === "failed"
      ? [{ label: "$(cloud-download) Install Flux…", run: ["flux.install"] } as Item]
      : []),
    ...(vscode.workspace.isTrusted
      ? []
      : [
          {
            label: "$(shield) Trust this workspace…",
            description: "replays and bisects run its code",
            run: ["workbench.trust.manage"],
          } as Item,
        ]),
    { label: "$(settings-gear) Settings", run: ["flux.openSettings"] },
    { label: "$(output) Show output", run: ["flux.showOutput"] },
    { label: "$(refresh) Restart the server", run: ["flux.restart"] },
  ];
  const items: Item[] = [...told, { label: "", kind: vscode.QuickPickItemKind.Separator }, ...actions];
  const chosen = await vscode.window.showQuickPick(items, { title: "Flux", placeHolder: "What is connected" });
  if (chosen?.run !== undefined) {
    await vscode.commands.executeCommand(...(chosen.run as [string, ...unknown[]]));
  }
}
