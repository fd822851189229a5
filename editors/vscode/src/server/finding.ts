// Looks for a server: tries the candidates one after the other, and tells what is missing when none of them works.

import * as fs from "node:fs";
import * as os from "node:os";
import * as vscode from "vscode";
import { own } from "../settings";
import { type Candidate, candidates } from "./candidates";
import type { Interpreters } from "./interpreters";
import { runIn, tryOut, type Verdict } from "./trying";

export interface Tried {
  readonly candidate: Candidate;
  readonly verdict: Verdict;
}

export type Found =
  | {
      readonly kind: "server";
      readonly candidate: Candidate;
      readonly version: string;
      /** The one that is selected, whoever runs the server: replays run the user's code with it. */
      readonly interpreter: string | undefined;
    }
  | { readonly kind: "none"; readonly tried: readonly Tried[]; readonly interpreter: string | undefined };

/** Where an install of ours is put. */
export function installedIn(context: vscode.ExtensionContext): string {
  return vscode.Uri.joinPath(context.globalStorageUri, "python").fsPath;
}

export async function findServer(context: vscode.ExtensionContext, interpreters: Interpreters): Promise<Found> {
  const storage = context.globalStorageUri.fsPath;
  await fs.promises.mkdir(storage, { recursive: true });
  // One of an untrusted folder is that folder's code.
  const interpreter = vscode.workspace.isTrusted ? await interpreters.selected() : undefined;
  const tried: Tried[] = [];
  for (const candidate of candidates({
    setting: own.serverPath(),
    interpreter,
    path: process.env.PATH ?? "",
    installed: installedIn(context),
    trusted: vscode.workspace.isTrusted,
    folders: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
    platform: process.platform,
    home: os.homedir(),
    exists: (file) => fs.existsSync(file),
  })) {
    const verdict = await tryOut(candidate, runIn(storage));
    if (verdict.kind === "works") {
      return { kind: "server", candidate, version: verdict.version, interpreter };
    }
    tried.push({ candidate, verdict });
  }
  return { kind: "none", tried, interpreter };
}
