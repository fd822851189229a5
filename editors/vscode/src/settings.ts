// The settings of the editor: those of the server, which are handed on as they were set, and those of the extension.

import * as vscode from "vscode";

const SECTION = "flux";

/** What only this extension reads; everything else below `flux.` is the server's. */
export const OWN = ["server", "hints", "trace"] as const;

/** What a folder that nobody trusts may not say, as package.json tells the editor. */
function restricted(): readonly string[] {
  const manifest = vscode.extensions.getExtension("flux-ls.flux")?.packageJSON;
  return manifest?.capabilities.untrustedWorkspaces.restrictedConfigurations ?? [];
}

/**
 * The server's settings for a resource, as far as somebody set them. Defaults are left out: what the editor says has
 * precedence over pyproject.toml and the environment, and a default is nothing that anybody said.
 */
export function serverSettings(resource?: vscode.Uri): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration(SECTION, resource ?? null);
  const told: Record<string, unknown> = {};
  const ofUserOnly = new Set(vscode.workspace.isTrusted ? [] : restricted());
  for (const name of Object.keys(configuration)) {
    if ((OWN as readonly string[]).includes(name)) {
      continue;
    }
    const set = configuration.inspect(name);
    if (set === undefined || typeof configuration[name] === "function") {
      continue;
    }
    const ofWorkspace = ofUserOnly.has(`${SECTION}.${name}`)
      ? undefined
      : (set.workspaceFolderValue ?? set.workspaceValue);
    const value = ofWorkspace ?? set.globalValue;
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
  statusBar: (): boolean => read<boolean>("hints.statusBar", true),
};

function read<T>(name: string, otherwise: T): T {
  const value = vscode.workspace.getConfiguration(SECTION).get(name);
  return typeof value === typeof otherwise ? (value as T) : otherwise;
}

/** Whether a change is of one of these settings. */
export function affects(event: vscode.ConfigurationChangeEvent, ...names: string[]): boolean {
  return names.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
}
