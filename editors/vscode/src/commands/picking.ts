// A list of requests to choose from: the newest first, older ones page by page, and any other by typing its id.

import * as vscode from "vscode";
import { telling } from "../asking";
import type { Flux } from "../flux";
import type { TailAnswer } from "../messages";
import { labelOf } from "../requests";
import { typedId } from "../typed";
import { Stream } from "../views/model/stream";

const FIRST_PAGE = 50;
const OLDER_PAGE = 200;
const PATIENCE_MS = 3000;

export interface Offered {
  readonly title: string;
  /** Only such as failed are offered; one that is typed may be any. */
  readonly failed?: boolean;
  readonly placeholder?: string;
  /** Rows that stand before the requests, for other answers than one; what is typed may leave them out. */
  readonly before?: readonly (vscode.QuickPickItem & { readonly id: string })[];
}

interface Item extends vscode.QuickPickItem {
  readonly id?: string;
  readonly more?: true;
}

/** The id of the one that is chosen; nothing when the user thinks better of it. */
export async function pickRequest(flux: Flux, offered: Offered): Promise<string | undefined> {
  const list = new RequestList(flux, offered);
  try {
    return await list.chosen;
  } finally {
    list.dispose();
  }
}

class RequestList implements vscode.Disposable {
  readonly chosen: Promise<string | undefined>;
  private readonly pick = vscode.window.createQuickPick<Item>();
  private readonly closed = new vscode.CancellationTokenSource();
  private readonly stream = new Stream(Number.POSITIVE_INFINITY);
  private rows: readonly Item[] = [];

  constructor(
    private readonly flux: Flux,
    private readonly offered: Offered,
  ) {
    const { pick } = this;
    pick.title = offered.title;
    pick.placeholder = offered.placeholder ?? "Choose a request, or type the first digits of its id";
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    this.chosen = new Promise((resolve) => {
      pick.onDidChangeValue(() => this.draw());
      pick.onDidAccept(() => {
        const [chosen] = pick.selectedItems;
        if (chosen?.more) {
          void this.load(OLDER_PAGE);
          return;
        }
        // Who types an id and Enter at once does not wait for the list.
        const id = chosen?.id ?? typedId(pick.value);
        if (id !== undefined) {
          resolve(id);
        }
      });
      pick.onDidHide(() => resolve(undefined));
    });
    pick.show();
    void this.load(FIRST_PAGE);
  }

  dispose(): void {
    this.closed.cancel();
    this.closed.dispose();
    this.pick.dispose();
  }

  private async load(limit: number): Promise<void> {
    if (this.pick.busy) {
      return;
    }
    this.pick.busy = true;
    const had = new Set(this.rows.map((row) => row.id));
    await telling(this.flux, () => this.page(limit));
    if (this.closed.token.isCancellationRequested) {
      return;
    }
    this.pick.busy = false;
    this.rows = this.stream.shown.requests.map((request) => ({ ...labelOf(request), id: request.id }));
    this.draw();
    // Whoever asked for older ones goes on with the first of them.
    const next = this.rows.find((row) => !had.has(row.id));
    if (had.size > 0 && next !== undefined) {
      this.pick.activeItems = [next];
    }
  }

  /** The next page that has any to offer. */
  private async page(limit: number): Promise<void> {
    const had = this.stream.shown.requests.length;
    do {
      const { before } = this.stream;
      const asked = { limit, errorsOnly: this.offered.failed === true, patienceMs: PATIENCE_MS };
      const from = before === null ? asked : { ...asked, before };
      const answer = await this.flux.execute<TailAnswer>("tail", from, this.closed.token);
      // A refusal, such as a 404, is an error but no failure.
      const found = answer.requests.filter((request) => request.failed || this.offered.failed !== true);
      this.stream.extend(found, answer.earlier);
    } while (this.stream.shown.requests.length === had && this.stream.before !== null);
    if (this.stream.shown.requests.length === 0) {
      this.pick.placeholder = this.offered.failed
        ? "No request has failed. An id may be typed"
        : "Nothing is recorded yet";
    }
  }

  private draw(): void {
    const id = typedId(this.pick.value);
    // A digit that was typed may belong to a request that is not in the list.
    const typed: Item[] =
      id !== undefined && !this.rows.some((row) => row.id?.startsWith(id))
        ? [{ label: `$(search) req:${id}`, description: "look it up", alwaysShow: true, id }]
        : [];
    const older: Item[] = this.stream.shown.more
      ? [{ label: "$(history) Older requests…", alwaysShow: true, more: true }]
      : [];
    // A row keeps its place: Enter right after a key may still mean the one that stood there before.
    this.pick.items = [...(this.offered.before ?? []), ...this.rows, ...typed, ...older];
  }
}
