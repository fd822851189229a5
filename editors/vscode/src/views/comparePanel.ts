// The comparison of two requests in a panel: of two that were recorded, or of one and its replay.

import * as vscode from "vscode";
import type { Asked } from "../addresses";
import { show } from "../asking";
import type { Flux } from "../flux";
import type { DiffShape, ReplayAnswer } from "../messages";
import { Documents, type Panel } from "./documents";
import { nowhere, openFrame } from "./location";
import { head, lines } from "./model/comparison";
import { columnForCode, html, iconOf } from "./panel";
import type { FromComparePage, ToComparePage } from "./talk";

/** What differs; with the replay that the second of them is. */
interface Told {
  readonly diff: DiffShape;
  readonly replay?: ReplayAnswer;
}

export class ComparePanels implements vscode.Disposable {
  private readonly documents: Documents<Told>;

  constructor(private readonly flux: Flux) {
    this.documents = new Documents(flux, "flux.compare", (panel, asked) => new ComparePanel(flux, panel, asked));
  }

  dispose(): void {
    this.documents.dispose();
  }

  /** Two requests; one alone with the last good one of its route. */
  async compare(id: string, other?: string): Promise<void> {
    const diff = await this.flux.execute<DiffShape>("diff", other === undefined ? { id } : { id, other });
    await this.documents.show({ name: "diff", id: diff.before.id, other: diff.after.id }, { diff });
  }

  /** A request as it was recorded, and as it ran again; false where there is nothing to compare. */
  async showReplay(replay: ReplayAnswer): Promise<boolean> {
    const [only, another] = replay.requests;
    if (!only?.diff || another !== undefined) {
      return false;
    }
    await this.documents.show({ name: "replay", id: only.request_id }, { diff: only.diff, replay });
    return true;
  }
}

class ComparePanel implements Panel<Told> {
  private told: Told | undefined;
  private problem: string | undefined;
  private ready = false;

  constructor(
    private readonly flux: Flux,
    readonly panel: vscode.WebviewPanel,
    private readonly asked: Asked,
  ) {
    panel.iconPath = iconOf(flux.context.extensionUri);
    panel.webview.onDidReceiveMessage((told: FromComparePage) => this.hear(told));
    panel.webview.html = html(panel.webview, flux.context.extensionUri, "compare");
  }

  async load(): Promise<void> {
    const before = this.told;
    try {
      const told = await this.ask();
      // Another run may have told its own meanwhile, which is newer.
      if (this.told === before) {
        this.tell(told);
      }
    } catch (error) {
      if (this.told !== before) {
        return;
      }
      this.problem = error instanceof Error ? error.message : String(error);
      this.send();
    }
  }

  private async ask(): Promise<Told> {
    const { id, other } = this.asked;
    if (!this.replayed) {
      return { diff: await this.flux.execute<DiffShape>("diff", other === undefined ? { id } : { id, other }) };
    }
    const replay = await this.flux.execute<ReplayAnswer>("replay", { id, latest: true });
    const [only] = replay.requests;
    if (!only?.diff) {
      throw new Error(only?.reason ?? "it was not run, so there is nothing to compare");
    }
    return { diff: only.diff, replay };
  }

  private get replayed(): boolean {
    return this.asked.name === "replay";
  }

  tell(told: Told): void {
    this.told = told;
    this.problem = undefined;
    const { diff } = told;
    const after = this.replayed ? "its replay" : diff.after.short_id;
    this.panel.title = `${head(diff).words}: ${diff.before.short_id} ↔ ${after}`;
    this.send();
  }

  private send(): void {
    if (!this.ready) {
      return;
    }
    if (this.problem !== undefined) {
      this.post({ kind: "problem", text: this.problem });
    } else if (this.told !== undefined) {
      const { diff, replay } = this.told;
      this.post({
        kind: "comparison",
        head: head(diff, replay),
        lines: lines(diff, false),
        whole: lines(diff, true),
        replayed: this.replayed,
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
        if (this.told !== undefined && !(this.replayed && told.side === "after")) {
          void show(this.flux, "debug", { id: this.told.diff[told.side].id });
        }
        return;
      case "action":
        if (told.action === "replay") {
          void show(this.flux, "replay", { id: this.asked.id });
        } else if (told.action === "reload") {
          void this.load();
        }
        return;
    }
  }

  private async openLine(side: "before" | "after", spanId: string): Promise<void> {
    const span = this.told?.diff.spans.map((each) => each[side]).find((each) => each?.span_id === spanId);
    const frame = span?.frame ?? null;
    if ((await openFrame(frame, { column: columnForCode(this.panel) })) === undefined) {
      void vscode.window.showInformationMessage(`Flux: ${nowhere(frame, null)}`);
    }
  }
}
