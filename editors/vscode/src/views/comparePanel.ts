// The comparison of two requests in a panel: of two that were recorded, or of one and its replay.

import * as vscode from "vscode";
import { show } from "../asking";
import type { Flux } from "../flux";
import type { DiffShape, ReplayAnswer } from "../messages";
import { nowhere, openFrame } from "./location";
import { head, lines } from "./model/comparison";
import { besideCode, columnForCode, html, options } from "./panel";
import type { CompareState, FromComparePage, ToComparePage } from "./talk";

const TYPE = "flux.compare";

export class ComparePanels implements vscode.WebviewPanelSerializer<CompareState>, vscode.Disposable {
  private readonly open = new Map<string, ComparePanel>();
  private readonly serializer: vscode.Disposable;

  constructor(private readonly flux: Flux) {
    this.serializer = vscode.window.registerWebviewPanelSerializer(TYPE, this);
  }

  dispose(): void {
    vscode.Disposable.from(this.serializer, ...[...this.open.values()].map((each) => each.panel)).dispose();
  }

  /** Two requests; one alone with the last good one of its route. */
  async compare(id: string, other?: string): Promise<void> {
    const diff = await this.flux.execute<DiffShape>("diff", other === undefined ? { id } : { id, other });
    this.show(diff, { before: diff.before.id, after: diff.after.id });
  }

  /** A request as it was recorded, and as it ran again; false where there is nothing to compare. */
  showReplay(replay: ReplayAnswer): boolean {
    const [only, another] = replay.requests;
    if (!only?.diff || another !== undefined) {
      return false;
    }
    this.show(only.diff, { before: only.request_id, after: only.diff.after.id, replayed: true }, replay);
    return true;
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: CompareState | undefined): Promise<void> {
    if (typeof state?.before !== "string" || typeof state.after !== "string") {
      panel.dispose();
      return;
    }
    panel.webview.options = options(this.flux.context.extensionUri);
    await this.adopt(panel, state).load();
  }

  private show(diff: DiffShape, state: CompareState, replay?: ReplayAnswer): void {
    const known = this.open.get(keyOf(state));
    if (known !== undefined) {
      known.panel.reveal();
      known.tell(diff, replay);
      return;
    }
    const panel = vscode.window.createWebviewPanel(TYPE, "Compare", besideCode(), {
      ...options(this.flux.context.extensionUri),
      enableFindWidget: true,
    });
    this.adopt(panel, state).tell(diff, replay);
  }

  private adopt(panel: vscode.WebviewPanel, state: CompareState): ComparePanel {
    const made = new ComparePanel(this.flux, panel, state);
    this.open.set(keyOf(state), made);
    panel.onDidDispose(() => this.open.delete(keyOf(state)));
    return made;
  }
}

/** A replay is the latest one of its request, whatever its own id. */
function keyOf(state: CompareState): string {
  return state.replayed ? `${state.before} replayed` : `${state.before} ${state.after}`;
}

class ComparePanel {
  private diff: DiffShape | undefined;
  private replay: ReplayAnswer | undefined;
  private problem: string | undefined;
  private ready = false;

  constructor(
    private readonly flux: Flux,
    readonly panel: vscode.WebviewPanel,
    private readonly state: CompareState,
  ) {
    panel.iconPath = vscode.Uri.joinPath(flux.context.extensionUri, "media", "icon.svg");
    panel.webview.onDidReceiveMessage((told: FromComparePage) => this.hear(told));
    panel.webview.html = html(panel.webview, flux.context.extensionUri, "compare");
  }

  async load(): Promise<void> {
    try {
      await this.ask();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.send();
    }
  }

  private async ask(): Promise<void> {
    const { before, after, replayed } = this.state;
    if (!replayed) {
      this.tell(await this.flux.execute<DiffShape>("diff", { id: before, other: after }));
      return;
    }
    const answer = await this.flux.execute<ReplayAnswer>("replay", { id: before, latest: true });
    const diff = answer.requests[0]?.diff;
    if (!diff) {
      throw new Error("it was not run, so there is nothing to compare");
    }
    this.tell(diff, answer);
  }

  tell(diff: DiffShape, replay?: ReplayAnswer): void {
    this.diff = diff;
    this.replay = replay;
    this.problem = undefined;
    const after = this.state.replayed ? "its replay" : diff.after.short_id;
    this.panel.title = `${head(diff).words}: ${diff.before.short_id} ↔ ${after}`;
    this.send();
  }

  private send(): void {
    if (!this.ready) {
      return;
    }
    if (this.problem !== undefined) {
      this.post({ kind: "problem", text: this.problem });
    } else if (this.diff !== undefined) {
      this.post({
        kind: "comparison",
        head: head(this.diff, this.replay),
        lines: lines(this.diff, false),
        whole: lines(this.diff, true),
        state: this.state,
      });
    }
  }

  private post(message: ToComparePage): void {
    void this.panel.webview.postMessage(message);
  }

  private hear(told: FromComparePage): void {
    switch (told.kind) {
      case "ready":
        this.ready = true;
        this.send();
        return;
      case "place":
        void this.openLine(told.side, told.spanId);
        return;
      case "request":
        if (this.diff !== undefined && !(this.state.replayed && told.side === "after")) {
          void show(this.flux, "debug", { id: this.diff[told.side].id });
        }
        return;
      case "action":
        if (told.action === "replay") {
          void show(this.flux, "replay", { id: this.state.before });
        } else if (told.action === "reload") {
          void this.load();
        }
        return;
    }
  }

  private async openLine(side: "before" | "after", spanId: string): Promise<void> {
    const span = this.diff?.spans.map((each) => each[side]).find((each) => each?.span_id === spanId);
    const frame = span?.frame ?? null;
    if ((await openFrame(frame, { column: columnForCode(this.panel) })) === undefined) {
      void vscode.window.showInformationMessage(`Flux: ${nowhere(frame, null)}`);
    }
  }
}
