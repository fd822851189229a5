// Which request is meant: the one that was named, the one at the cursor, or one that is chosen from a list.

import * as vscode from "vscode";
import { type Finding, findingsAt, findingsOf } from "../cursor";
import type { Flux } from "../flux";
import { withoutIcons } from "../requests";
import { typedId } from "../typed";
import { type Offered, pickRequest } from "./picking";

export interface Wanted extends Offered {
  /** Whether what fails at the cursor is taken without asking. */
  readonly atCursor?: boolean;
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
