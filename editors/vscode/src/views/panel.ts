// A page in a panel: what it may load, and how it and the extension talk.

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

export type PageName = "request" | "compare" | "text";

/** Scripts and styles of our own alone; nothing inline, nothing from elsewhere. */
export function options(extension: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extension, "dist", "webview")] };
}

/** With the content that the page is read for, or the one that its script makes. */
export function html(webview: vscode.Webview, extension: vscode.Uri, name: PageName, content = ""): string {
  const file = (ending: string) =>
    webview.asWebviewUri(vscode.Uri.joinPath(extension, "dist", "webview", `${name}.${ending}`)).toString();
  const nonce = randomBytes(18).toString("base64url");
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file("css")}">
<title>Flux</title>
</head>
<body>
<main id="page" aria-busy="${content === ""}">${content}</main>
<script nonce="${nonce}" src="${file("js")}"></script>
</body>
</html>`;
}

export function iconOf(extension: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extension, "media", "icon.svg");
}

/** Where a panel opens: with those that are open, else beside the code, if there is any. */
export function besideCode(): vscode.ViewColumn {
  const ours = vscode.window.tabGroups.all.find((group) =>
    group.tabs.some((tab) => tab.input instanceof vscode.TabInputCustom && tab.input.viewType.startsWith("flux.")),
  );
  if (ours !== undefined) {
    return ours.viewColumn;
  }
  return vscode.window.visibleTextEditors.some((editor) => editor.viewColumn !== undefined)
    ? vscode.ViewColumn.Beside
    : vscode.ViewColumn.Active;
}

/** Where code is shown beside a panel: where there is code already, else in the other column. */
export function columnForCode(panel: vscode.WebviewPanel): vscode.ViewColumn {
  const own = panel.viewColumn ?? vscode.ViewColumn.One;
  const other = vscode.window.visibleTextEditors.find(
    (editor) => editor.viewColumn !== undefined && editor.viewColumn !== own && editor.document.uri.scheme === "file",
  );
  return other?.viewColumn ?? (own === vscode.ViewColumn.One ? vscode.ViewColumn.Two : vscode.ViewColumn.One);
}
