// Panels as the editors of documents: whatever opens one, a command, a link of a diagnostic, a reload, it is the same.

import * as vscode from "vscode";
import { type Asked, addressOf, askedBy } from "../addresses";
import type { Flux } from "../flux";
import { besideCode, options } from "./panel";

/** A panel with its page. */
export interface Panel<Told> {
  readonly panel: vscode.WebviewPanel;
  tell(told: Told): void;
  /** Asks for what it shows. */
  load(): Promise<void>;
}

/** The editors of one kind of document, as the manifest names them. */
export class Documents<Told> implements vscode.CustomReadonlyEditorProvider, vscode.Disposable {
  private readonly panels = new Map<string, Panel<Told>>();
  /** What a panel that is about to open will show, so that it need not ask again. */
  private readonly coming = new Map<string, Told>();
  private readonly registered: vscode.Disposable;

  constructor(
    private readonly flux: Flux,
    private readonly type: "flux.request" | "flux.compare",
    private readonly make: (panel: vscode.WebviewPanel, asked: Asked) => Panel<Told>,
  ) {
    this.registered = vscode.window.registerCustomEditorProvider(type, this, {
      webviewOptions: { enableFindWidget: true },
    });
  }

  dispose(): void {
    vscode.Disposable.from(this.registered, ...[...this.panels.values()].map((each) => each.panel)).dispose();
  }

  get open(): Iterable<Panel<Told>> {
    return this.panels.values();
  }

  /** Shows a document, in the panel that it has already if there is one. */
  async show(asked: Asked, told: Told): Promise<void> {
    const uri = vscode.Uri.parse(addressOf(asked));
    const known = this.panels.get(uri.toString());
    if (known !== undefined) {
      known.panel.reveal();
      known.tell(told);
      return;
    }
    this.coming.set(uri.toString(), told);
    const where = { viewColumn: besideCode(), preview: false };
    try {
      await vscode.commands.executeCommand("vscode.openWith", uri, this.type, where);
    } finally {
      this.coming.delete(uri.toString());
    }
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => {} };
  }

  async resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const asked = askedBy(uri.toString(true));
    if (asked === undefined) {
      throw new Error(`${uri.toString(true)} is no document of Flux`);
    }
    const key = uri.toString();
    panel.webview.options = options(this.flux.context.extensionUri);
    const made = this.make(panel, asked);
    this.panels.set(key, made);
    panel.onDidDispose(() => {
      if (this.panels.get(key) === made) {
        this.panels.delete(key);
      }
    });
    const told = this.coming.get(key);
    if (told === undefined) {
      await made.load();
    } else {
      made.tell(told);
    }
  }
}
