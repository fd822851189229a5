// Which request is meant: the one that was named, the one at the cursor, or one that is chosen from a list.

import * as vscode from "vscode";
import { telling } from "../asking";
import { type Finding, findingsAt, findingsOf } from "../cursor";
import type { Flux } from "../flux";
import type { RequestShape } from "../messages";
import { labelOf, withoutIcons } from "../requests";
import { typedId } from "../typed";

const PAGE = 50;

interface Item extends vscode.QuickPickItem {
  readonly id?: string;
  readonly request?: RequestShape;
  readonly more?: true;
}

export interface Wanted {
  readonly title: string;
  /** Only such as failed are offered; one that is typed may be any. */
  readonly failed?: boolean;
  /** Whether what fails at the cursor is taken without asking. */
  readonly atCursor?: boolean;
  readonly placeholder?: string;
  /** Rows that stand before the requests, for other answers than one. */
  readonly before?: readonly (vscode.QuickPickItem & { readonly id: string })[];
}

/** The id in what a command was called with: a text, or an object that has one, such as a row of a view. */
export function givenId(given: unknown): string | undefined {
  if (typeof given === "string") {
    return typedId(given) ?? given;
  }
  if (typeof given === "object" && given !== null) {
    for (const name of ["id", "requestId", "sample_request_id"]) {
      const value = (given as Record<string, unknown>)[name];
      if (typeof value === "string" && value !== "") {
        return value;
      }
    }
    return givenId((given as Record<string, unknown>).request);
  }
  return undefined;
}

/** What fails where the cursor is. */
export function findingsAtCursor(flux: Flux): Finding[] {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return [];
  }
  const published = flux.diagnostics.get(editor.document.uri.toString()) ?? [];
  const lines = editor.document.getText().split(/\r\n|\r|\n/);
  return findingsAt(findingsOf(published), lines, editor.selection.active.line);
}

/** The id of the request that is meant; nothing when the user thinks better of it. */
export async function chooseRequest(flux: Flux, given: unknown, wanted: Wanted): Promise<string | undefined> {
  const named = givenId(given);
  if (named !== undefined) {
    return named;
  }
  const here = wanted.atCursor === false ? [] : findingsAtCursor(flux);
  if (here.length === 1) {
    return here[0]?.id;
  }
  if (here.length > 1) {
    return (await chooseFinding(here, wanted.title))?.id;
  }
  return pickRequest(flux, wanted);
}

export async function chooseFinding(findings: readonly Finding[], title: string): Promise<Finding | undefined> {
  const items = findings.map((finding) => ({
    label: withoutIcons(finding.message),
    description: `line ${finding.line + 1}  req:${finding.id.slice(0, 8)}`,
    finding,
  }));
  return (await vscode.window.showQuickPick(items, { title, placeHolder: "Which failure?" }))?.finding;
}

/** A list of requests, the newest first; more of them on demand, and any other by typing its id. */
function pickRequest(flux: Flux, wanted: Wanted): Promise<string | undefined> {
  const pick = vscode.window.createQuickPick<Item>();
  pick.title = wanted.title;
  pick.placeholder = wanted.placeholder ?? "Choose a request, or type the first digits of its id";
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  let limit = PAGE;
  let rows: Item[] = [];

  function draw(): void {
    const id = typedId(pick.value);
    // A digit that was typed may belong to a request that is not in the list.
    const typed: Item[] =
      id !== undefined && !rows.some((row) => row.request?.id.startsWith(id))
        ? [{ label: `$(search) req:${id}`, description: "look it up", alwaysShow: true, id }]
        : [];
    pick.items = [...(wanted.before ?? []), ...typed, ...rows];
  }

  async function load(): Promise<void> {
    pick.busy = true;
    await telling(flux, async () => {
      const parameters = { limit, errorsOnly: wanted.failed === true };
      const answer = await flux.execute<{ requests: RequestShape[] }>("tail", parameters);
      const newestFirst = answer.requests
        .filter((request) => wanted.failed !== true || request.failed)
        .sort((left, right) => Date.parse(right.started_at) - Date.parse(left.started_at));
      rows = newestFirst.map((request) => ({ ...labelOf(request), id: request.id, request }));
      if (answer.requests.length >= limit) {
        rows.push({ label: "$(history) Older requests…", alwaysShow: true, more: true });
      }
      if (rows.length === 0) {
        pick.placeholder = wanted.failed ? "No request has failed. An id may be typed" : "Nothing is recorded yet";
      }
    });
    pick.busy = false;
    draw();
  }

  return new Promise((resolve) => {
    pick.onDidChangeValue(draw);
    pick.onDidAccept(() => {
      const [chosen] = pick.selectedItems;
      if (chosen?.more) {
        limit *= 4;
        void load();
        return;
      }
      // Who types an id and Enter at once does not wait for the list.
      const id = chosen?.id ?? typedId(pick.value);
      if (id !== undefined) {
        resolve(id);
        pick.hide();
      }
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
    void load();
  });
}
