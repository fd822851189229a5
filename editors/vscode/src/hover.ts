// Hovers: the links below them become commands of ours, and nothing else in them can be one.

import * as vscode from "vscode";
import { OPEN_PAGE, withCommands } from "./links";

/** VS Code follows no link to a `flux:` document in a hover, so the server's row of links becomes commands. */
export function linked(hover: vscode.Hover | null | undefined): vscode.Hover | null | undefined {
  for (const [index, part] of (hover?.contents ?? []).entries()) {
    if (hover && part instanceof vscode.MarkdownString) {
      const text = new vscode.MarkdownString(withCommands(part.value));
      text.isTrusted = { enabledCommands: [OPEN_PAGE] };
      hover.contents[index] = text;
    }
  }
  return hover;
}
