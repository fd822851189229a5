// The keys that the manifest's conditions ask for, told to the editor when they change.

import * as vscode from "vscode";

const told = new Map<string, boolean>();

export function setContext(key: `flux.${string}`, value: boolean): void {
  if (told.get(key) !== value) {
    told.set(key, value);
    void vscode.commands.executeCommand("setContext", key, value);
  }
}
