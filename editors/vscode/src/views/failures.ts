// Failures: the issue groups by how it stands with them, each with its latest requests below it.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { setContext } from "../contexts";
import type { Flux } from "../flux";
import {
  ERRORS,
  type ErrorsAnswer,
  type GroupShape,
  type GroupState,
  type SamplesAnswer,
  SUBSCRIBE_ERRORS,
} from "../messages";
import { anchorWords, groupFacts, groupId, groupTitle, type Section, sections } from "./model/groups";
import { counted } from "./model/words";
import { icon, type RequestNode, requestItem, requestTooltip } from "./trees";

export const VIEW = "flux.failures";
const SAMPLES = 20;
/** Between two questions; nobody waits for the badge alone. */
const PAUSE_MS = 300;
const PAUSE_HIDDEN_MS = 2000;
/** How often ages are told anew. */
const CLOCK_MS = 60_000;

interface SectionNode {
  readonly kind: "section";
  readonly section: Section;
}

/** A row about a group: the commands of the palette take its fingerprint, and its latest request. */
export interface GroupNode {
  readonly kind: "group";
  readonly group: GroupShape;
  readonly fingerprint: string;
  readonly requestId: string;
}

interface RestNode {
  readonly kind: "rest";
  readonly group: GroupShape;
  readonly count: number;
}

export type Node = SectionNode | GroupNode | RequestNode | RestNode;

const ICONS: Readonly<Record<GroupState, readonly [icon: string, color: string]>> = {
  failing: ["error", "charts.red"],
  handled: ["warning", "charts.yellow"],
  resolved: ["pass", "charts.green"],
  dismissed: ["eye-closed", "descriptionForeground"],
};

export class Failures implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  readonly view: vscode.TreeView<Node>;

  private groups: readonly GroupShape[] = [];
  private told = false;
  private asking = false;
  private stale = false;
  private store: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly clock: NodeJS.Timeout;
  private readonly listening: vscode.Disposable[];

  constructor(private readonly flux: Flux) {
    this.view = vscode.window.createTreeView<Node>(VIEW, { treeDataProvider: this, showCollapseAll: true });
    this.clock = setInterval(() => this.redraw(), CLOCK_MS);
    this.listening = [
      this.view,
      this.view.onDidChangeVisibility(() => this.shown()),
      flux.onServerStart((client) => void this.connected(client)),
      flux.onServerStop(() => this.forget()),
      flux.onStatus((status) => this.lookAt(status?.store.path)),
    ];
    if (flux.client !== undefined) {
      void this.connected(flux.client);
    }
    this.tell();
  }

  dispose(): void {
    clearInterval(this.clock);
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.listening, this.changed).dispose();
  }

  // What the tree asks.

  getChildren(node?: Node): vscode.ProviderResult<Node[]> {
    if (node === undefined) {
      return sections(this.groups).map((section) => ({ kind: "section", section }));
    }
    switch (node.kind) {
      case "section":
        return node.section.groups.map(groupNode);
      case "group":
        return this.samples(node.group);
      default:
        return [];
    }
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case "section": {
        const { state, title, groups } = node.section;
        const open = state === "failing" || this.groups.every((group) => group.state === state);
        const item = new vscode.TreeItem(title, open ? EXPANDED : COLLAPSED);
        item.id = state;
        item.description = String(groups.length);
        item.contextValue = `section ${state}`;
        return item;
      }
      case "group":
        return groupItem(node);
      case "request":
        return requestItem(node, "flux.requests.open");
      case "rest": {
        const item = new vscode.TreeItem(`and ${counted(node.count, "more request")}`);
        item.id = `${groupId(node.group)}/rest`;
        item.iconPath = new vscode.ThemeIcon("ellipsis");
        return item;
      }
    }
  }

  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    if (node.kind === "request") {
      item.tooltip = requestTooltip(node.request, Date.now());
    } else if (node.kind === "group") {
      item.tooltip = groupTooltip(node.group);
    }
    return item;
  }

  private async samples(group: GroupShape): Promise<Node[]> {
    const { fingerprint, handled } = group;
    try {
      const answer = await this.flux.execute<SamplesAnswer>("samples", { fingerprint, handled, limit: SAMPLES });
      const under = groupId(group);
      const nodes: Node[] = answer.requests.map((request) => ({ kind: "request", id: request.id, request, under }));
      const rest = group.count - nodes.length;
      return rest > 0 && nodes.length === SAMPLES ? [...nodes, { kind: "rest", group, count: rest }] : nodes;
    } catch (error) {
      this.flux.output.warn(`samples of ${fingerprint}: ${String(error)}`);
      return [];
    }
  }

  // What the server tells.

  private async connected(client: LanguageClient): Promise<void> {
    client.onNotification(ERRORS, () => this.askSoon());
    try {
      await client.sendRequest(SUBSCRIBE_ERRORS, {});
    } catch (error) {
      this.flux.output.warn(`${SUBSCRIBE_ERRORS}: ${String(error)}`);
    }
    void this.ask();
  }

  /** Another store has other failures. */
  private lookAt(store: string | undefined): void {
    if (this.store !== undefined && store !== undefined && store !== this.store) {
      this.forget();
      this.askSoon();
    }
    this.store = store ?? this.store;
  }

  private shown(): void {
    if (this.view.visible && this.stale) {
      void this.ask();
    }
  }

  private askSoon(): void {
    this.stale = true;
    if (this.timer === undefined && !this.asking) {
      this.timer = setTimeout(() => void this.ask(), this.view.visible ? PAUSE_MS : PAUSE_HIDDEN_MS);
    }
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.asking || this.flux.client === undefined) {
      return;
    }
    this.asking = true;
    this.stale = false;
    try {
      this.groups = (await this.flux.execute<ErrorsAnswer>("errors")).groups;
      this.told = true;
    } catch (error) {
      if (this.flux.status?.store.state === "waiting") {
        // Nothing was ever recorded.
        this.groups = [];
        this.told = true;
      } else {
        // The status item says what is wrong with the store; the view keeps what it has.
        this.flux.output.warn(`errors: ${String(error)}`);
      }
    }
    this.asking = false;
    this.redraw();
    if (this.stale) {
      this.askSoon();
    }
  }

  private forget(): void {
    this.groups = [];
    this.told = false;
    this.redraw();
  }

  private redraw(): void {
    this.changed.fire(undefined);
    this.tell();
  }

  private tell(): void {
    const failing = this.groups.filter((group) => group.state === "failing").length;
    this.view.badge = failing === 0 ? undefined : { value: failing, tooltip: counted(failing, "failing group") };
    setContext(`${VIEW}.told`, this.told);
  }
}

const { Collapsed: COLLAPSED, Expanded: EXPANDED } = vscode.TreeItemCollapsibleState;

function groupNode(group: GroupShape): GroupNode {
  return { kind: "group", group, fingerprint: group.fingerprint, requestId: group.sample_request_id };
}

function groupItem(node: GroupNode): vscode.TreeItem {
  const { group } = node;
  const item = new vscode.TreeItem(groupTitle(group), COLLAPSED);
  item.id = groupId(group);
  item.description = groupFacts(group, Date.now());
  item.iconPath = icon(...ICONS[group.state]);
  item.contextValue = `group ${group.state}`;
  item.command = { command: "flux.failures.open", title: "Open at its line", arguments: [node] };
  item.accessibilityInformation = { label: `${groupTitle(group)}, ${group.state}, ${item.description}` };
  return item;
}

function groupTooltip(group: GroupShape): vscode.MarkdownString {
  const tooltip = new vscode.MarkdownString("", true);
  tooltip.isTrusted = false;
  tooltip.supportHtml = false;
  tooltip.appendCodeblock(`${group.type}: ${group.message}`.slice(0, 2000), "text");
  const facts = [
    group.route === null ? "" : `route: ${group.route}`,
    `${counted(group.count, "time")}, ${group.state}`,
    `first seen ${new Date(group.first_seen).toLocaleString()}`,
    `last seen ${new Date(group.last_seen).toLocaleString()}`,
    group.first_revision === null ? "" : `first seen in ${group.first_revision.slice(0, 12)}`,
    group.location === null ? (group.location_reason ?? "") : anchorWords(group.location),
  ];
  for (const fact of facts.filter((each) => each !== "")) {
    tooltip.appendText(fact);
    tooltip.appendMarkdown("\n\n");
  }
  return tooltip;
}
