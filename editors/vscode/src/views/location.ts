// From a frame of an answer to its line in the editor.

import * as path from "node:path";
import * as vscode from "vscode";
import type { FrameShape } from "../messages";
import { placeWords } from "./model/groups";
import { units } from "./model/plain";
import { isPlaced } from "./model/steps";

export interface How {
  /** The keyboard stays where it is. */
  readonly aside?: boolean;
  readonly column?: vscode.ViewColumn;
}

/** Shows the line of a frame; nothing where it is not in today's code. */
export async function openFrame(frame: FrameShape | null, how: How = {}): Promise<vscode.TextEditor | undefined> {
  const document = isPlaced(frame) ? await documentOf(frame) : undefined;
  if (document === undefined || frame === null) {
    return undefined;
  }
  const selection = selectionOf(document, frame);
  const editor = await vscode.window.showTextDocument(document, {
    selection,
    preview: true,
    preserveFocus: how.aside === true,
    ...(how.column === undefined ? {} : { viewColumn: how.column }),
  });
  editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}

/** Why a frame cannot be gone to. */
export function nowhere(frame: FrameShape | null, reason: string | null): string {
  if (frame === null) {
    return reason ?? "the recording names no line of your code";
  }
  return frame.anchor === "gone"
    ? `${placeWords(frame)} is gone from the code`
    : `${placeWords(frame)} is no file of this workspace${frame.reason === null ? "" : `: ${frame.reason}`}`;
}

/** The file of a frame. A path is relative to one of the folders: of several that have it, the one with that line. */
async function documentOf(frame: FrameShape): Promise<vscode.TextDocument | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const candidates = path.isAbsolute(frame.path)
    ? [vscode.Uri.file(frame.path)]
    : folders.map((folder) => vscode.Uri.joinPath(folder.uri, frame.path));
  let found: vscode.TextDocument | undefined;
  for (const uri of candidates) {
    const document = await opened(uri);
    if (document !== undefined && textAt(document, frame.line).trim() === (frame.source ?? "").trim()) {
      return document;
    }
    found ??= document;
  }
  return found;
}

async function opened(uri: vscode.Uri): Promise<vscode.TextDocument | undefined> {
  try {
    return await vscode.workspace.openTextDocument(uri);
  } catch {
    return undefined;
  }
}

function textAt(document: vscode.TextDocument, line: number): string {
  return line >= 1 && line <= document.lineCount ? document.lineAt(line - 1).text : "";
}

/** The place in the line, where columns are code points and the editor counts UTF-16 units. */
function selectionOf(document: vscode.TextDocument, frame: FrameShape): vscode.Selection {
  const line = Math.min(Math.max(frame.line, 1), document.lineCount) - 1;
  const text = document.lineAt(line).text;
  const indent = text.length - text.trimStart().length;
  const character = frame.column === null ? indent : units(text, frame.column - 1);
  return new vscode.Selection(line, character, line, character);
}
