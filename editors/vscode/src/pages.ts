// The server's documents, `flux://request/ID/why` and the others, as pages with a title of their own.

import * as vscode from "vscode";
import { DocumentLinkRequest, TextDocumentContentRequest } from "vscode-languageclient/node";
import type { Flux } from "./flux";
import { type Target, withPlaces } from "./places";
import { columnForCode, html, iconOf, options } from "./views/panel";
import type { FromTextPage } from "./views/talk";

/** As the manifest names them. */
const TYPE = "flux.page";

export class Pages implements vscode.CustomReadonlyEditorProvider, vscode.Disposable {
  private readonly open = new Map<string, vscode.WebviewPanel>();
  /** What the server can only say once, such as the answer of a model: by the document's uri. */
  private readonly said = new Map<string, string>();
  /** Addresses as the server wrote them, by uri: one that VS Code has read and writes has another spelling. */
  private readonly addresses = new Map<string, string>();
  /** What a page that is about to open will show. */
  private readonly coming = new Map<string, string>();
  /** Where the places on a page lead. */
  private readonly targets = new WeakMap<vscode.WebviewPanel, readonly Target[]>();
  private readonly registered: vscode.Disposable;

  constructor(private readonly flux: Flux) {
    this.registered = vscode.window.registerCustomEditorProvider(TYPE, this, {
      webviewOptions: { enableFindWidget: true },
    });
  }

  dispose(): void {
    vscode.Disposable.from(this.registered, ...this.open.values()).dispose();
  }

  /** Shows a document as it reads now; with a text of its own where asking for it again would be another answer. */
  async show(address: string, text?: string): Promise<void> {
    const uri = uriOf(address);
    const key = uri.toString();
    this.addresses.set(key, address);
    if (text === undefined) {
      this.said.delete(key);
    } else {
      this.said.set(key, text);
    }
    const told = await this.textOf(uri);
    const known = this.open.get(key);
    if (known !== undefined) {
      known.reveal();
      await this.draw(known, uri, told);
      return;
    }
    this.coming.set(key, told);
    try {
      await vscode.commands.executeCommand("vscode.openWith", uri, TYPE, { preview: false });
    } finally {
      this.coming.delete(key);
    }
  }

  /** The text of a document. */
  async textOf(uri: vscode.Uri, token?: vscode.CancellationToken): Promise<string> {
    const text = this.said.get(uri.toString());
    if (text !== undefined) {
      return text;
    }
    const asked = { uri: this.addressOf(uri) };
    const client = await this.flux.ready();
    return (await client.sendRequest(TextDocumentContentRequest.type, asked, token)).text;
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => {} };
  }

  async resolveCustomEditor(
    { uri }: vscode.CustomDocument,
    panel: vscode.WebviewPanel,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const key = uri.toString();
    this.open.set(key, panel);
    panel.onDidDispose(() => {
      if (this.open.get(key) === panel) {
        this.open.delete(key);
      }
    });
    panel.webview.options = options(this.flux.context.extensionUri);
    panel.iconPath = iconOf(this.flux.context.extensionUri);
    panel.webview.onDidReceiveMessage((message: FromTextPage) => this.go(panel, message.at));
    await this.draw(panel, uri, this.coming.get(key) ?? (await this.textOf(uri, token).catch(problem)));
  }

  private async draw(panel: vscode.WebviewPanel, uri: vscode.Uri, told: string): Promise<void> {
    panel.title = titleOf(told);
    const { text, targets } = withPlaces(told, await this.linksOf(uri));
    this.targets.set(panel, targets);
    panel.webview.html = html(panel.webview, this.flux.context.extensionUri, "text", await this.drawn(text));
  }

  /** What of a page leads to the code, as the server says: none of it, where the text is nothing that it would say again. */
  private async linksOf(uri: vscode.Uri) {
    if (this.said.has(uri.toString())) {
      return [];
    }
    const asked = { textDocument: { uri: this.addressOf(uri) } };
    try {
      return (await (await this.flux.ready()).sendRequest(DocumentLinkRequest.type, asked)) ?? [];
    } catch {
      return [];
    }
  }

  /** Shows the code of a place beside the page: a line of a file in the workspace, and nothing else. */
  private async go(panel: vscode.WebviewPanel, at: number): Promise<void> {
    const target = this.targets.get(panel)?.[at];
    const uri = target && vscode.Uri.parse(target.uri, true);
    if (target === undefined || uri === undefined || vscode.workspace.getWorkspaceFolder(uri) === undefined) {
      return;
    }
    const document = await vscode.workspace.openTextDocument(uri);
    const line = document.lineAt(Math.min(target.line, document.lineCount - 1));
    const start = new vscode.Position(line.lineNumber, line.firstNonWhitespaceCharacterIndex);
    const editor = await vscode.window.showTextDocument(document, {
      selection: new vscode.Range(start, start),
      viewColumn: columnForCode(panel),
      preview: true,
    });
    editor.revealRange(line.range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  /** As the server wrote it. */
  private addressOf(uri: vscode.Uri): string {
    return this.addresses.get(uri.toString()) ?? uri.toString(true);
  }

  /** As VS Code itself draws Markdown; as it is written where that has been switched off. */
  private async drawn(text: string): Promise<string> {
    try {
      return await vscode.commands.executeCommand<string>("markdown.api.render", text);
    } catch (error) {
      this.flux.output.warn(`Markdown is shown as it is written: ${String(error)}`);
      return `<pre>${text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)}</pre>`;
    }
  }
}

/** With the path that VS Code gives to what has none, so that the same document has one uri. */
function uriOf(address: string): vscode.Uri {
  const uri = vscode.Uri.parse(address);
  return uri.path === "" ? uri.with({ path: "/" }) : uri;
}

/** The heading of a page. */
function titleOf(text: string): string {
  return /^# (.*)$/m.exec(text)?.[1]?.replaceAll("`", "").trim() || "Flux";
}

/** A page in the place of one that cannot be had. */
function problem(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return `# Nothing to show\n\n${words.replace(/^/gm, "    ")}\n`;
}
