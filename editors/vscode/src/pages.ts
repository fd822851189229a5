// The server's documents: `flux://request/ID/why` and the others, opened as people read them.

import * as vscode from "vscode";

/** Opens a document of the server's. */
export async function openPage(uri: vscode.Uri): Promise<void> {
  const document = await vscode.workspace.openTextDocument(uri);
  if (document.languageId !== "markdown") {
    await vscode.languages.setTextDocumentLanguage(document, "markdown");
  }
  await vscode.window.showTextDocument(document, { preview: true });
}
