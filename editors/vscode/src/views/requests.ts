// Live Requests: every request as it finishes, the newest first; filtered, paused, and paged back through the store.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { telling } from "../asking";
import { setContext } from "../contexts";
import type { Flux } from "../flux";
import { type RequestShape, SUBSCRIBE_TAIL, TAIL, type TailAnswer, type TailParams, type WhyAnswer } from "../messages";
import { EVERY, type Filter, isEvery, subscription, words } from "./model/filter";
import { placeWords } from "./model/groups";
import { firstLine } from "./model/plain";
import { Stream } from "./model/stream";
import { clock, counted } from "./model/words";
import { icon, type RequestNode, requestItem, requestTooltip } from "./trees";

export const VIEW = "flux.requests";
const SUBSCRIPTION = "vscode-requests";
const FIRST_PAGE = 200;
const OLDER_PAGE = 500;
const PATIENCE_MS = 3000;
const REDRAW_MS = 250;

interface Fact {
  readonly kind: "fact";
  readonly of: RequestNode;
  readonly label: string;
  readonly icon: string;
  readonly opens: boolean;
}

type Action = { readonly kind: "older" } | { readonly kind: "waiting"; readonly count: number };
export type Node = RequestNode | Fact | Action;

const OLDER: Action = { kind: "older" };

export class LiveRequests implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  readonly view: vscode.TreeView<Node>;

  private readonly stream = new Stream();
  private readonly nodes = new Map<string, RequestNode>();
  private filter: Filter = EVERY;
  private begun = false;
  /** Counts beginnings: what was asked for before the latest is of no use any more. */
  private beginning = 0;
  /** The latest page is on its way; until it is there, what comes is kept back. */
  private starting = false;
  private loading = false;
  private store: string | undefined;
  private redrawing: NodeJS.Timeout | undefined;
  private dirty = false;
  private readonly listening: vscode.Disposable[];

  constructor(private readonly flux: Flux) {
    this.filter = flux.context.workspaceState.get<Filter>(VIEW, EVERY);
    this.view = vscode.window.createTreeView<Node>(VIEW, { treeDataProvider: this, canSelectMany: true });
    this.listening = [
      this.view,
      this.view.onDidChangeVisibility(() => this.shown()),
      flux.onServerStart((client) => this.connected(client)),
      flux.onServerStop(() => this.disconnected()),
      flux.onStatus((status) => this.lookAt(status?.store.path)),
    ];
    if (flux.client !== undefined) {
      this.connected(flux.client);
    }
    this.tell();
  }

  dispose(): void {
    clearTimeout(this.redrawing);
    vscode.Disposable.from(...this.listening, this.changed).dispose();
  }

  // What the tree asks.

  getChildren(node?: Node): vscode.ProviderResult<Node[]> {
    if (node !== undefined) {
      return node.kind === "request" ? this.facts(node) : [];
    }
    const { requests, more, waiting } = this.stream.shown;
    const rows: Node[] = requests.map((request) => this.node(request));
    return [...(waiting > 0 ? [{ kind: "waiting", count: waiting } as const] : []), ...rows, ...(more ? [OLDER] : [])];
  }

  getParent(node: Node): Node | undefined {
    return node.kind === "fact" ? node.of : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case "request": {
        const item = requestItem(node, "flux.requests.open");
        if (node.request.failed) {
          item.collapsibleState = vscode.TreeItemCollapsibleState.Collapsed;
        }
        return item;
      }
      case "fact": {
        const item = new vscode.TreeItem(node.label);
        item.id = `${node.of.id}/${node.icon}`;
        item.iconPath = new vscode.ThemeIcon(node.icon);
        item.tooltip = node.label;
        if (node.opens) {
          item.command = { command: "flux.requests.open", title: "Open at its line", arguments: [node.of] };
        }
        return item;
      }
      case "older": {
        const item = new vscode.TreeItem("Load older …");
        item.id = "older";
        item.iconPath = new vscode.ThemeIcon("history");
        item.command = { command: "flux.requests.older", title: "Load older requests" };
        const last = this.stream.shown.requests.at(-1);
        if (last !== undefined) {
          item.description = `before ${clock(last.started_at, Date.now())}`;
        }
        return item;
      }
      case "waiting": {
        const item = new vscode.TreeItem(`${counted(node.count, "new request")}`);
        item.id = "waiting";
        item.description = "paused";
        item.iconPath = icon("debug-continue", "charts.blue");
        item.command = { command: "flux.requests.resume", title: "Resume" };
        return item;
      }
    }
  }

  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    if (node.kind === "request") {
      item.tooltip = requestTooltip(node.request, Date.now());
    }
    return item;
  }

  /** What a failing request has below it: its error, and the line that is responsible. */
  private async facts(node: RequestNode): Promise<Node[]> {
    const error: Fact = {
      kind: "fact",
      of: node,
      label: firstLine(node.request.error ?? "no error was recorded"),
      icon: "error",
      opens: true,
    };
    try {
      const why = await this.flux.execute<WhyAnswer>("why", { id: node.id });
      const place = why.location;
      const label =
        place === null
          ? firstLine(why.location_reason ?? "no location")
          : `${placeWords(place)}${place.function ? `  in ${firstLine(place.function)}` : ""}`;
      return [
        error,
        { kind: "fact", of: node, label, icon: place === null ? "circle-slash" : "go-to-file", opens: true },
      ];
    } catch (problem) {
      this.flux.output.warn(`why ${node.id}: ${String(problem)}`);
      return [error];
    }
  }

  /** The same object for the same row, as long as it reads the same. */
  private node(request: RequestShape): RequestNode {
    const known = this.nodes.get(request.id);
    if (known?.request === request) {
      return known;
    }
    const made: RequestNode = { kind: "request", id: request.id, request, under: "live" };
    this.nodes.set(request.id, made);
    return made;
  }

  // The stream.

  private connected(client: LanguageClient): void {
    client.onNotification(TAIL, (told: TailParams) => this.take(told));
    this.begun = false;
    if (this.view.visible) {
      void this.begin();
    } else {
      this.tell();
    }
  }

  private disconnected(): void {
    this.begun = false;
    this.beginning += 1;
    this.tell();
  }

  /** Another store has other requests. */
  private lookAt(store: string | undefined): void {
    const before = this.store;
    this.store = store ?? before;
    if (before !== undefined && this.store !== before && this.begun) {
      this.begun = false;
      this.shown();
    }
  }

  private shown(): void {
    if (!this.view.visible) {
      return;
    }
    if (!this.begun && this.flux.client !== undefined) {
      void this.begin();
    } else if (this.dirty) {
      this.redraw();
    }
  }

  /** Subscribes, and then asks for the latest that are stored: what finishes meanwhile comes by both ways. */
  private async begin(): Promise<void> {
    const client = this.flux.client;
    if (client === undefined) {
      return;
    }
    this.begun = true;
    this.beginning += 1;
    const mine = this.beginning;
    this.starting = true;
    this.stream.clear();
    this.stream.pause();
    this.nodes.clear();
    await telling(this.flux, async () => {
      await client.sendRequest(SUBSCRIBE_TAIL, { id: SUBSCRIPTION, ...subscription(this.filter), last: 0 });
      const answer = await this.page({ limit: FIRST_PAGE });
      if (mine === this.beginning) {
        this.stream.begin(answer.requests, answer.earlier);
      }
    });
    if (mine === this.beginning) {
      this.starting = false;
      this.redraw();
    }
  }

  private page(parameters: Readonly<Record<string, unknown>>): Promise<TailAnswer> {
    return this.flux.execute<TailAnswer>("tail", { ...this.filter, patienceMs: PATIENCE_MS, ...parameters });
  }

  private take(told: TailParams): void {
    if (told.id === SUBSCRIPTION && this.begun && this.stream.take(told.requests) && !this.starting) {
      this.redrawSoon();
    }
  }

  /** However much comes, the tree is drawn only so often; less often the longer it is. */
  private redrawSoon(): void {
    this.redrawing ??= setTimeout(() => this.redraw(), Math.max(REDRAW_MS, this.stream.shown.requests.length / 2));
  }

  private redraw(): void {
    clearTimeout(this.redrawing);
    this.redrawing = undefined;
    this.dirty = !this.view.visible;
    if (!this.dirty) {
      this.forgetNodes();
      this.changed.fire(undefined);
    }
    this.tell();
  }

  private forgetNodes(): void {
    const { requests } = this.stream.shown;
    if (this.nodes.size > 2 * requests.length + FIRST_PAGE) {
      this.nodes.clear();
    }
  }

  // What the user does.

  async loadOlder(): Promise<void> {
    const before = this.stream.before;
    if (before === null || this.loading) {
      return;
    }
    this.loading = true;
    const mine = this.beginning;
    const known = new Set(this.stream.shown.requests.map((request) => request.id));
    await vscode.window.withProgress({ location: { viewId: VIEW } }, () =>
      telling(this.flux, async () => {
        const answer = await this.page({ before, limit: OLDER_PAGE });
        if (mine === this.beginning) {
          this.stream.extend(answer.requests, answer.earlier);
        }
      }),
    );
    this.loading = false;
    this.redraw();
    // Whoever asked by keyboard goes on with the first of them.
    const first = this.stream.shown.requests.find((request) => !known.has(request.id));
    if (mine === this.beginning && first !== undefined && this.view.visible) {
      await this.view.reveal(this.node(first), { select: true, focus: true });
    }
  }

  pause(): void {
    this.stream.pause();
    this.redraw();
  }

  async resume(): Promise<void> {
    if (!this.stream.isTorn) {
      this.stream.resume();
      this.redraw();
      return;
    }
    await this.begin();
    const newest = this.stream.shown.requests[0];
    if (newest !== undefined && this.view.visible) {
      await this.view.reveal(this.node(newest), { select: false });
    }
  }

  get wanted(): Filter {
    return this.filter;
  }

  async want(filter: Filter): Promise<void> {
    this.filter = filter;
    await this.flux.context.workspaceState.update(VIEW, isEvery(filter) ? undefined : filter);
    await this.begin();
  }

  /** The rows that a command is about: those that it was called on, else those that are selected. */
  meant(node: unknown, selected: unknown): RequestNode[] {
    const all =
      Array.isArray(selected) && selected.length > 0 ? selected : node === undefined ? this.view.selection : [node];
    const requests = (all as Node[]).flatMap((each) =>
      each.kind === "request" ? [each] : each.kind === "fact" ? [each.of] : [],
    );
    return [...new Map(requests.map((each) => [each.id, each])).values()];
  }

  private tell(): void {
    const { requests, paused, waiting } = this.stream.shown;
    const filtered = words(this.filter);
    const standing = paused && !this.starting;
    this.view.description = [filtered, standing ? "paused" : ""].filter((word) => word !== "").join(" · ");
    const empty = requests.length === 0 && waiting === 0;
    // Words in their place would hide what is offered in an empty view.
    const message = empty || filtered === "" ? undefined : `Only: ${filtered}`;
    if (this.view.message !== message) {
      (this.view as { message: string | undefined }).message = message;
    }
    setContext(`${VIEW}.filtered`, filtered !== "");
    setContext(`${VIEW}.errorsOnly`, this.filter.errorsOnly === true);
    setContext(`${VIEW}.paused`, standing);
    setContext(`${VIEW}.connected`, this.flux.client !== undefined);
  }
}
