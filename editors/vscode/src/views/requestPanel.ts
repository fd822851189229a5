// The request view: one request in a panel, span by span, with the code of each step beside it.

import * as vscode from "vscode";
import { show } from "../asking";
import type { Flux } from "../flux";
import type { DebugAnswer, FrameShape, StepShape } from "../messages";
import { latency } from "../requests";
import { Documents, type Panel } from "./documents";
import { nowhere, openFrame } from "./location";
import { anchorWords, placeWords } from "./model/groups";
import { firstLine, plain } from "./model/plain";
import { details, outcome, title, went } from "./model/request";
import { isPlaced, rowsOf } from "./model/steps";
import { columnForCode, html, iconOf } from "./panel";
import {
  ACTIONS,
  type Action,
  type FromRequestPage,
  type Place,
  type RequestHead,
  type RequestState,
  type ToRequestPage,
} from "./talk";

export class RequestPanels implements vscode.Disposable {
  private readonly documents: Documents<DebugAnswer>;
  private readonly listening: vscode.Disposable[];
  private readonly line = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor("editor.stackFrameHighlightBackground"),
    overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.infoForeground"),
    overviewRulerLane: vscode.OverviewRulerLane.Full,
  });

  constructor(private readonly flux: Flux) {
    this.documents = new Documents(flux, "flux.request", (panel, { id }) => {
      const made = new RequestPanel(flux, panel, { id }, this.line);
      panel.onDidDispose(() => made.forget());
      return made;
    });
    this.listening = [
      this.documents,
      this.line,
      flux.onServerStart(() => this.reload()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.reload()),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.listening).dispose();
  }

  /** Shows a request. */
  async show(given: string): Promise<void> {
    const answer = await this.flux.execute<DebugAnswer>("debug", { id: given });
    await this.documents.show({ name: "debug", id: answer.request.id }, answer);
  }

  private reload(): void {
    for (const each of this.documents.open) {
      void each.load();
    }
  }
}

class RequestPanel implements Panel<DebugAnswer> {
  private answer: DebugAnswer | undefined;
  private problem: string | undefined;
  private ready = false;
  /** Counts what was selected: only the line of the latest is shown. */
  private selections = 0;
  /** Lines are shown one after another: one that takes long would else come over those that were selected after it. */
  private showing: Promise<void> = Promise.resolve();
  private marked: vscode.TextEditor | undefined;

  constructor(
    private readonly flux: Flux,
    readonly panel: vscode.WebviewPanel,
    private readonly state: RequestState,
    private readonly line: vscode.TextEditorDecorationType,
  ) {
    panel.iconPath = iconOf(flux.context.extensionUri);
    panel.webview.onDidReceiveMessage((told: FromRequestPage) => this.hear(told));
    panel.webview.html = html(panel.webview, flux.context.extensionUri, "request");
  }

  async load(): Promise<void> {
    try {
      this.tell(await this.flux.execute<DebugAnswer>("debug", { id: this.state.id }));
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.send();
    }
  }

  tell(answer: DebugAnswer): void {
    this.answer = answer;
    this.problem = undefined;
    this.panel.title = `${title(answer.request)} · req:${answer.request.short_id}`;
    this.send();
  }

  forget(): void {
    this.selections += 1;
    this.marked?.setDecorations(this.line, []);
  }

  private send(): void {
    if (!this.ready) {
      return;
    }
    if (this.problem !== undefined) {
      this.post({ kind: "problem", text: this.problem });
    } else if (this.answer !== undefined) {
      const { request, spans } = this.answer;
      this.post({
        kind: "request",
        head: headOf(this.answer),
        rows: rowsOf(spans, request.service),
        state: this.state,
      });
    }
  }

  private post(message: ToRequestPage): void {
    void this.panel.webview.postMessage(message);
  }

  private hear(told: FromRequestPage): void {
    switch (told.kind) {
      case "ready":
        this.ready = true;
        this.send();
        return;
      case "select":
        this.select(told.at);
        return;
      case "open":
        void this.openLine(told.at);
        return;
      case "action":
        if (ACTIONS.includes(told.action)) {
          void this.act(told.action);
        }
        return;
    }
  }

  private step(at: number): StepShape | undefined {
    return this.answer?.spans[at];
  }

  private select(at: number): void {
    const step = this.step(at);
    if (step === undefined) {
      return;
    }
    this.selections += 1;
    const mine = this.selections;
    this.post({ kind: "details", at, step, place: placeOf(step.frame) });
    if (!this.panel.active && this.marked === undefined) {
      // It was restored behind another tab: nobody steps yet.
      return;
    }
    this.showing = this.showing
      .then(() => this.showLine(step, mine))
      .catch((error: unknown) => this.flux.output.warn(`the line of a step: ${String(error)}`));
  }

  private async showLine(step: StepShape, mine: number): Promise<void> {
    if (mine !== this.selections) {
      return;
    }
    const editor = await openFrame(step.frame, { aside: true, column: columnForCode(this.panel) });
    if (mine !== this.selections) {
      return;
    }
    if (this.marked !== undefined && this.marked !== editor) {
      this.marked.setDecorations(this.line, []);
    }
    this.marked = editor;
    editor?.setDecorations(this.line, [editor.selection]);
  }

  private async openLine(at: number): Promise<void> {
    const step = this.step(at);
    if (step === undefined) {
      return;
    }
    const unknown = `the recording does not say where ${plain(step.name)} is in the code`;
    if ((await openFrame(step.frame, { column: columnForCode(this.panel) })) === undefined) {
      void vscode.window.showInformationMessage(`Flux: ${nowhere(step.frame, unknown)}`);
    }
  }

  private async act(action: Action): Promise<void> {
    const { id } = this.state;
    switch (action) {
      case "copy":
        await vscode.env.clipboard.writeText(`req:${id.slice(0, 8)}`);
        return;
      case "reload":
        await this.load();
        return;
      case "writeTest":
        await vscode.commands.executeCommand("flux.writeTest", id);
        return;
      case "bisect":
        await vscode.commands.executeCommand("flux.bisect", id);
        return;
      default:
        await show(this.flux, action, { id });
    }
  }
}

function headOf({ request }: DebugAnswer): RequestHead {
  return {
    id: request.id,
    title: title(request),
    went: went(request),
    outcome: outcome(request),
    latency: latency(request.duration_ms),
    error: request.error === null ? "" : firstLine(request.error),
    facts: details(request, Date.now()).filter(([name]) => name !== "took"),
    failed: request.failed,
    trusted: vscode.workspace.isTrusted,
  };
}

function placeOf(frame: FrameShape | null): Place {
  if (frame === null) {
    return { words: "", note: "", open: false };
  }
  return {
    words: `${placeWords(frame)}${frame.function === "" ? "" : `  in ${plain(frame.function)}`}`,
    note: anchorWords(frame),
    open: isPlaced(frame),
  };
}
