// How requests and errors look as items of a tree: icon, colour, words and tooltip. What was recorded is only text there.

import * as vscode from "vscode";
import type { RequestShape } from "../messages";
import { details, facts, title, type Went, went } from "./model/request";

const ICONS: Readonly<Record<Went, readonly [icon: string, color: string]>> = {
  ok: ["pass", "charts.green"],
  refused: ["warning", "charts.yellow"],
  failed: ["error", "charts.red"],
  incomplete: ["circle-large-outline", "descriptionForeground"],
};

/** A row of a view about one request: what the commands of the palette take, too. */
export interface RequestNode {
  readonly kind: "request";
  readonly id: string;
  readonly request: RequestShape;
  /** The row above it, by its id. */
  readonly under: string;
}

export function icon(name: string, color: string): vscode.ThemeIcon {
  return new vscode.ThemeIcon(name, new vscode.ThemeColor(color));
}

export function requestItem(node: RequestNode, open: string): vscode.TreeItem {
  const { request } = node;
  const how = went(request);
  const item = new vscode.TreeItem(title(request));
  item.id = `${node.under}/${request.id}`;
  item.description = facts(request);
  item.iconPath = icon(...ICONS[how]);
  item.contextValue = `request ${how}`;
  item.command = { command: open, title: "Open at its line", arguments: [node] };
  item.accessibilityInformation = {
    label: `${title(request)}, ${how === "refused" ? "answered with an error" : how}, ${facts(request)}`,
  };
  return item;
}

/** The tooltip of a request. */
export function requestTooltip(request: RequestShape, nowMs: number): vscode.MarkdownString {
  const tooltip = new vscode.MarkdownString("", true);
  tooltip.isTrusted = false;
  tooltip.supportHtml = false;
  tooltip.appendCodeblock(title(request), "text");
  if (request.error !== null) {
    tooltip.appendCodeblock(request.error.slice(0, 2000), "text");
  }
  for (const [name, value] of details(request, nowMs)) {
    tooltip.appendText(`${name}: ${value}`);
    tooltip.appendMarkdown("\n\n");
  }
  return tooltip;
}
