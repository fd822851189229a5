// Hints on the screen: the failure in words at the end of its line, and a mark in the gutter. Each can be switched off.

import * as vscode from "vscode";
import type { Flux } from "../flux";
import { affects, own } from "../settings";
import { type Hint, hintsOf, LOOKS, type Look } from "./hints";

const COLOURS: Record<Look, string> = {
  failing: "flux.hint.failing",
  handled: "flux.hint.handled",
  unverified: "flux.hint.unverified",
  "first-bad": "flux.hint.firstBad",
};

export function registerHints(flux: Flux): vscode.Disposable[] {
  const words = new Map(LOOKS.map((look) => [look, wordsOf(look)]));
  const marks = new Map(LOOKS.map((look) => [look, markOf(flux, look)]));

  function draw(editor: vscode.TextEditor): void {
    const hints = hintsOf(flux.diagnostics.get(editor.document.uri.toString()) ?? []);
    for (const look of LOOKS) {
      const those = hints.filter((hint) => hint.look === look);
      put(editor, words.get(look), own.endOfLine() ? those.map((hint) => atEnd(editor.document, hint)) : []);
      put(editor, marks.get(look), own.gutter() ? those.flatMap(beside) : []);
    }
  }

  function drawAll(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      draw(editor);
    }
  }

  drawAll();
  return [
    ...words.values(),
    ...marks.values(),
    flux.onDiagnostics((uri) => {
      for (const editor of vscode.window.visibleTextEditors) {
        if (editor.document.uri.toString() === uri.toString()) {
          draw(editor);
        }
      }
    }),
    vscode.window.onDidChangeVisibleTextEditors(drawAll),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (affects(event, "hints")) {
        drawAll();
      }
    }),
  ];
}

function put(
  editor: vscode.TextEditor,
  type: vscode.TextEditorDecorationType | undefined,
  where: readonly vscode.DecorationOptions[],
): void {
  if (type !== undefined) {
    editor.setDecorations(type, where);
  }
}

function wordsOf(look: Look): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({
    after: {
      color: new vscode.ThemeColor(COLOURS[look]),
      margin: "0 0 0 2.5em",
      ...(look === "unverified" ? { fontStyle: "italic" } : {}),
    },
    // What is typed at the end of the line comes before the hint.
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
  });
}

function markOf(flux: Flux, look: Look): vscode.TextEditorDecorationType {
  const picture = (theme: string) =>
    vscode.Uri.joinPath(flux.context.extensionUri, "media", `gutter-${look}-${theme}.svg`);
  return vscode.window.createTextEditorDecorationType({
    light: { gutterIconPath: picture("light") },
    dark: { gutterIconPath: picture("dark") },
    gutterIconSize: "70%",
  });
}

function atEnd(document: vscode.TextDocument, hint: Hint): vscode.DecorationOptions {
  const line = document.lineAt(Math.min(hint.line, document.lineCount - 1));
  return {
    range: new vscode.Range(line.range.end, line.range.end),
    renderOptions: { after: { contentText: hint.text } },
  };
}

function beside(hint: Hint): vscode.DecorationOptions[] {
  return Array.from({ length: hint.lastLine - hint.line + 1 }, (_, index) => ({
    range: new vscode.Range(hint.line + index, 0, hint.line + index, 0),
  }));
}
