// Hovers: the links below them become commands of ours, and nothing else in them can be one.

import * as vscode from "vscode";

/** The one command that a hover may name. */
export const OPEN_PAGE = "flux.openPage";

const LINKS = /^\[[a-z ]+\]\(flux:\/\/[^\s()]+\)(?: · \[[a-z ]+\]\(flux:\/\/[^\s()]+\))*$/;
const LINK = /\[([a-z ]+)\]\((flux:\/\/[^\s()]+)\)/g;
const FENCE = /^(`{3,})(.*)$/;

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

/**
 * Only a line that is nothing but such links, outside of every block of code, is the server's own: what was recorded
 * stands in code always.
 */
export function withCommands(markdown: string): string {
  let fence: string | undefined;
  return markdown
    .split("\n")
    .map((line) => {
      const [, ticks, rest] = FENCE.exec(line) ?? [];
      if (ticks !== undefined && (fence === undefined || (ticks.length >= fence.length && rest?.trim() === ""))) {
        fence = fence === undefined ? ticks : undefined;
        return line;
      }
      return fence === undefined && LINKS.test(line) ? line.replace(LINK, (_, name, uri) => command(name, uri)) : line;
    })
    .join("\n");
}

function command(name: string, uri: string): string {
  return `[${name}](command:${OPEN_PAGE}?${encodeURIComponent(JSON.stringify([uri]))})`;
}
