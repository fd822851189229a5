// The code of a diagnostic, which is an id, as a link to what it names.

import * as vscode from "vscode";
import { addressOf } from "./addresses";
import { dataOf } from "./cursor";
import { withoutCode } from "./problemText";

/**
 * Where the server names no better document, such as the replay, it is the request itself. The link is an address and no
 * command, so that it is followed from a hover and the peek of a problem too; the manifest says what opens it.
 */
export function withRequest(diagnostic: vscode.Diagnostic): vscode.Diagnostic {
  const data = dataOf(diagnostic);
  if (data === undefined) {
    return diagnostic;
  }
  // The hint at the end of the line shows the same message, and no code: it keeps the id.
  const shown: vscode.Diagnostic = Object.assign(Object.create(Object.getPrototypeOf(diagnostic)), diagnostic);
  const { code } = diagnostic;
  if (typeof code === "string" || typeof code === "number") {
    shown.code = { value: code, target: vscode.Uri.parse(addressOf({ name: "debug", id: data.requestId })) };
  }
  shown.message = withoutCode(diagnostic.message, textOf(shown.code));
  return shown;
}

function textOf(code: vscode.Diagnostic["code"]): string {
  return String(typeof code === "object" ? code.value : code);
}
