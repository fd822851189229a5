// The server's documents, `flux://request/ID/why` and the others: opened as people read them, and told anew.

import * as vscode from "vscode";
import { type LanguageClient, TextDocumentContentRequest } from "vscode-languageclient/node";

/** What the server can only say once, such as the answer of a model: by the document's uri. */
const said = new Map<string, string>();
/** Addresses as the server wrote them, by uri: one that VS Code has read and writes has another spelling. */
const addresses = new Map<string, string>();
const renew = new vscode.EventEmitter<vscode.Uri>();

/** Opens a document of the server's; with a text of its own where asking for it again would be another answer. */
export async function openPage(address: string, text?: string): Promise<void> {
  const uri = vscode.Uri.parse(address);
  addresses.set(uri.toString(), address);
  if (text !== undefined) {
    said.set(uri.toString(), text);
  } else {
    said.delete(uri.toString());
  }
  // A document that is open already would keep the text that it has.
  renew.fire(uri);
  const document = await vscode.workspace.openTextDocument(uri);
  if (document.languageId !== "markdown") {
    await vscode.languages.setTextDocumentLanguage(document, "markdown");
  }
  await vscode.commands.executeCommand("markdown.showPreview", uri);
}

/** Has the client tell the editor of documents that read differently now. */
export function renewing(client: LanguageClient): vscode.Disposable {
  return renew.event((uri) => {
    const providers = client.getFeature(TextDocumentContentRequest.method)?.getProviders() ?? [];
    for (const { scheme, onDidChangeEmitter } of providers) {
      if (scheme === uri.scheme) {
        onDidChangeEmitter.fire(uri);
      }
    }
  });
}

/** The text of a document. */
export async function textOf(
  client: LanguageClient,
  uri: vscode.Uri,
  token: vscode.CancellationToken,
): Promise<string> {
  const text = said.get(uri.toString());
  if (text !== undefined) {
    return text;
  }
  const address = addresses.get(uri.toString()) ?? uri.toString(true);
  return (await client.sendRequest(TextDocumentContentRequest.type, { uri: address }, token)).text;
}
