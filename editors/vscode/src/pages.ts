// The server's documents, `flux://request/ID/why` and the others: opened as people read them, and told anew.

import * as vscode from "vscode";
import { type LanguageClient, TextDocumentContentRequest } from "vscode-languageclient/node";

/** What the server can only say once, such as the answer of a model: by the document's address. */
const said = new Map<string, string>();

/** Opens a document of the server's; with a text of its own where asking for it again would be another answer. */
export async function openPage(uri: vscode.Uri, text?: string): Promise<void> {
  if (text !== undefined) {
    said.set(uri.toString(), text);
  }
  // A document that is open already would keep the text that it has.
  renew.fire(uri);
  const document = await vscode.workspace.openTextDocument(uri);
  if (document.languageId !== "markdown") {
    await vscode.languages.setTextDocumentLanguage(document, "markdown");
  }
  await vscode.commands.executeCommand("markdown.showPreview", uri);
}

const renew = new vscode.EventEmitter<vscode.Uri>();

/** Has the client tell the editor of documents that read differently now. */
export function renewing(client: LanguageClient): vscode.Disposable {
  return renew.event((uri) => {
    for (const { scheme, onDidChangeEmitter } of client.getFeature(TextDocumentContentRequest.method)?.getProviders() ??
      []) {
      if (scheme === uri.scheme) {
        onDidChangeEmitter.fire(uri);
      }
    }
  });
}

/** The text of a document that was opened with one. */
export function textOf(uri: vscode.Uri): string | undefined {
  return said.get(uri.toString());
}
