// The code of a diagnostic, which is an id, as a link to what it names.

import * as vscode from "vscode";
import { addressOf } from "./addresses";
import { dataOf } from "./cursor";

/**
 * Where the server names no better document, such as the replay, it is the request itself. The link is an address and no
 * command, so that it is followed from a hover and the peek of a problem too; the manifest says what opens it.
 */
export function withRequest(diagnostic: vscode.Diagnostic): vscode.Diagnostic {
  const data = dataOf(diagnostic);
  const { code } = diagnostic;
  if (data !== undefined && (typeof code === "string" || typeof code === "number")) {
    diagnostic.code = { value: code, target: vscode.Uri.parse(addressOf({ name: "debug", id: data.requestId })) };
  }
  return diagnostic;
}
