// The settings of the editor: those of the server, which are handed on as they were set, and those of the extension.

import * as vscode from "vscode";

const SECTION = "flux";

/** What only this extension reads; everything else below `flux.` is the server's. */
export const OWN = ["server", "hints", "statusBar", "trace"] as const;

/** What names a program, a file to write, or somebody to ask: not to be taken from a folder that nobody trusts. */
const RESTRICTED = new Set(["store", "python", "app", "replayAllow", "explainProvider", "explainModel", "explainUrl"]);

/**
 * The server's settings for a resource, as far as somebody set them. Defaults are left out: what the editor says has
 * precedence over pyproject.toml and the environment, and a default is nothing that anybody said.
 */
export function serverSettings(resource?: vscode.Uri): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration(SECTION, resource ?? null);
  const told: Record<string, unknown> = {};
  for (const name of Object.keys(configuration)) {
    if ((OWN as readonly string[]).includes(name)) {
      continue;
    }
    const set = configuration.inspect(name);
    if (set === undefined || typeof configuration[name] === "function") {
      continue;
    }
    const trusted = vscode.workspace.isTrusted || !RESTRICTED.has(name);
    const value = trusted ? (set.workspaceFolderValue ?? set.workspaceValue ?? set.globalValue) : set.globalValue;
    if (value !== undefined && value !== null && value !== "") {
      told[name] = value;
    }
  }
  return told;
}

/** The extension's own settings. */
export const own = {
  serverPath: (): string => read<string>("server.path", ""),
  endOfLine: (): boolean => read<boolean>("hints.endOfLine", true),
  gutter: (): boolean => read<boolean>("hints.gutter", true),
  statusBar: (): boolean => read<boolean>("statusBar", true),
};

function read<T>(name: string, otherwise: T): T {
  const value = vscode.workspace.getConfiguration(SECTION).get(name);
  return typeof value === typeof otherwise ? (value as T) : otherwise;
}

/** Whether a change is of one of these settings. */
export function affects(event: vscode.ConfigurationChangeEvent, ...names: string[]): boolean {
  return names.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
}
