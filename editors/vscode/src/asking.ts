// What a question comes to: an answer, or words for the user with what can be done about it.

import * as vscode from "vscode";
import { ResponseError } from "vscode-languageclient/node";
import type { Flux, Parameters } from "./flux";
import type { Answer, CommandName, RequestShape } from "./messages";
import { labelOf } from "./requests";
import { hasPythonExtension } from "./server/interpreters";
import { MEND_WORDS, type Mend } from "./server/problem";

/** What the server tells of a question that has no answer. */
interface Refusal {
  readonly kind?: "not_found" | "ambiguous" | "store" | "untrusted" | "provider";
  readonly candidates?: readonly (RequestShape | string)[];
}

/** LSP's RequestCancelled, and ServerCancelled. */
const CANCELLED = [-32800, -32802];

/** Does what asks; what goes wrong is shown, once, with its mend. */
export async function telling(flux: Flux, ask: () => Thenable<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    await tell(flux, error);
  }
}

/** The answer of a command. Where an id or a table is ambiguous the user chooses; nothing when there is no answer. */
export async function ask<T>(flux: Flux, name: CommandName, parameters: Parameters): Promise<(T & Answer) | undefined> {
  try {
    return await flux.execute<T>(name, parameters);
  } catch (error) {
    const meant = await disambiguated(error, parameters);
    if (meant === undefined) {
      await tell(flux, error);
      return undefined;
    }
    return meant === "nothing" ? undefined : ask<T>(flux, name, meant);
  }
}

/** Shows the answer of a command. */
export async function show(flux: Flux, name: CommandName, parameters: Parameters): Promise<void> {
  try {
    await flux.show(name, parameters);
  } catch (error) {
    const meant = await disambiguated(error, parameters);
    if (meant === undefined) {
      await tell(flux, error);
    } else if (meant !== "nothing") {
      await show(flux, name, meant);
    }
  }
}

/** The parameters with what the user meant; nothing where there is no choice. */
async function disambiguated(error: unknown, parameters: Parameters): Promise<Parameters | "nothing" | undefined> {
  const candidates = refusal(error).kind === "ambiguous" ? (refusal(error).candidates ?? []) : [];
  if (candidates.length === 0) {
    return undefined;
  }
  const items = candidates.map((each) =>
    typeof each === "string" ? { label: each, meant: each } : { ...labelOf(each), meant: each.id },
  );
  const ofTables = typeof candidates[0] === "string";
  const chosen = await vscode.window.showQuickPick(items, { title: ofTables ? "Which table?" : "Which request?" });
  if (chosen === undefined) {
    return "nothing";
  }
  return { ...parameters, [ambiguousName(parameters, chosen.meant, ofTables)]: chosen.meant };
}

/** Which of the parameters may mean the candidate. */
function ambiguousName(parameters: Parameters, meant: string, ofTables: boolean): string {
  if (ofTables) {
    return "table";
  }
  return ["id", "other"].find((name) => meant.startsWith(bare(parameters[name]))) ?? "id";
}

function bare(id: unknown): string {
  // No id begins with what is no id.
  return typeof id === "string" ? id.toLowerCase().replace(/^req:/, "") : "-";
}

function refusal(error: unknown): Refusal {
  const data = error instanceof ResponseError ? (error.data as unknown) : undefined;
  return typeof data === "object" && data !== null ? (data as Refusal) : {};
}

async function tell(flux: Flux, error: unknown): Promise<void> {
  if (error instanceof vscode.CancellationError || (error instanceof ResponseError && CANCELLED.includes(error.code))) {
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  flux.output.warn(text);
  if (refusal(error).kind === "untrusted") {
    await offerTrust("that runs code of this workspace");
    return;
  }
  await offer(flux, text, mendsOf(error, flux));
}

/** What is not done in a folder that is not trusted, and how it is. */
export async function offerTrust(does: string): Promise<void> {
  const manage = "Manage Workspace Trust";
  const chosen = await vscode.window.showWarningMessage(`Flux: ${does}, which is not trusted.`, manage);
  if (chosen === manage) {
    await vscode.commands.executeCommand("workbench.trust.manage");
  }
}

function mendsOf(error: unknown, flux: Flux): readonly Mend[] {
  const { life } = flux.server;
  if (life.kind !== "running") {
    return life.kind === "failed" ? life.problem.mends : ["restart", "output"];
  }
  switch (refusal(error).kind) {
    case "store":
      return ["doctor", "output"];
    case "provider":
      return ["provider"];
    default:
      return [];
  }
}

/** A warning with buttons. */
export async function offer(flux: Flux, text: string, mends: readonly Mend[]): Promise<void> {
  const offered = mends.filter((mend) => mend !== "select-interpreter" || hasPythonExtension());
  const words = new Map(offered.map((mend) => [MEND_WORDS[mend], mend]));
  const chosen = await vscode.window.showWarningMessage(`Flux: ${text.replace(/^Flux: /, "")}`, ...words.keys());
  const mend = chosen === undefined ? undefined : words.get(chosen);
  if (mend !== undefined) {
    await apply(flux, mend);
  }
}

const APPLIED: Record<Mend, [string, ...unknown[]]> = {
  install: ["flux.install"],
  settings: ["flux.openSettings"],
  provider: ["flux.openSettings", "explain"],
  "select-interpreter": ["python.setInterpreter"],
  output: ["flux.showOutput"],
  restart: ["flux.restart"],
  doctor: ["flux.doctor"],
};

async function apply(flux: Flux, mend: Mend): Promise<void> {
  try {
    await vscode.commands.executeCommand(...APPLIED[mend]);
  } catch (error) {
    flux.output.warn(`${mend}: ${String(error)}`);
  }
}
