// The item in the status bar, and the one notification when there is no server.

import * as vscode from "vscode";
import { offer } from "../asking";
import { setContext } from "../contexts";
import type { Flux } from "../flux";
import { offerUpdate } from "../server/install";
import { affects, own } from "../settings";
import { said, type Tone } from "./text";

const BACKGROUND: Record<Tone, vscode.ThemeColor | undefined> = {
  quiet: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

export function registerStatus(flux: Flux): vscode.Disposable[] {
  const item = vscode.window.createStatusBarItem("flux.status", vscode.StatusBarAlignment.Left, 10);
  item.name = "Flux";
  item.command = "flux.status";
  let complained = "";

  function draw(): void {
    const { text, tone, lines } = said(flux.server.life, flux.status);
    item.text = text;
    item.backgroundColor = BACKGROUND[tone];
    const tooltip = new vscode.MarkdownString("**Flux**\n\n");
    for (const [name, told] of lines) {
      // What a request was called is anybody's text.
      tooltip.appendMarkdown(`${name}: `).appendText(told).appendMarkdown("\n\n");
    }
    item.tooltip = tooltip;
    item.accessibilityInformation = { label: `Flux. ${lines.map(([name, told]) => `${name}: ${told}`).join(". ")}` };
    if (own.statusBar()) {
      item.show();
    } else {
      item.hide();
    }
    const life = flux.server.life;
    // Steps of the walkthrough are done then.
    setContext("flux.running", life.kind === "running");
    setContext("flux.recorded", flux.status?.store.state === "ready" && !flux.status.empty);
    if (life.kind === "running") {
      complained = "";
    } else if (life.kind === "failed" && life.problem.text !== complained) {
      complained = life.problem.text;
      void offer(flux, life.problem.text, life.problem.mends);
    }
  }

  draw();
  return [
    item,
    flux.onStatus(draw),
    flux.onLife(draw),
    flux.onServerStart(() => void offerUpdate(flux)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (affects(event, "hints")) {
        draw();
      }
    }),
  ];
}
