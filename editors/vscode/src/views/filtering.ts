// How the filter of the live view is asked for: one list with the parts of it, then what each needs.

import * as vscode from "vscode";
import { changed, EVERY, type Filter, isEvery, sinceProblem, slowProblem } from "./model/filter";

type Part = keyof Filter | "clear";

interface Item extends vscode.QuickPickItem {
  readonly part: Part;
}

/** The filter that is wanted now; nothing when the user thinks better of it. */
export async function askForFilter(filter: Filter): Promise<Filter | undefined> {
  const items: Item[] = [
    item("fn", "$(symbol-function) Function, route or path", filter.fn),
    item("errorsOnly", "$(error) Errors only", filter.errorsOnly ? "on" : ""),
    item("since", "$(clock) Since", filter.since),
    item("service", "$(server) Service", filter.service),
    item("slowMs", "$(dashboard) Slower than", filter.slowMs ? `${filter.slowMs} ms` : ""),
    ...(isEvery(filter) ? [] : [item("clear", "$(clear-all) Clear the filter", "")]),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: "Which requests are shown?",
    placeHolder: "Each part narrows it down",
  });
  if (chosen === undefined) {
    return undefined;
  }
  if (chosen.part === "clear") {
    return EVERY;
  }
  if (chosen.part === "errorsOnly") {
    return changed(filter, "errorsOnly", !filter.errorsOnly);
  }
  const typed = await vscode.window.showInputBox(INPUTS[chosen.part](filter));
  if (typed === undefined) {
    return undefined;
  }
  const text = typed.trim();
  return changed(filter, chosen.part, chosen.part === "slowMs" ? Number(text) : text);
}

function item(part: Part, label: string, value: string | undefined): Item {
  return { part, label, ...(value ? { description: value } : {}) };
}

const INPUTS: Readonly<Record<"fn" | "since" | "service" | "slowMs", (filter: Filter) => vscode.InputBoxOptions>> = {
  fn: ({ fn }) => ({
    title: "Only requests through a function, route or path",
    prompt: "A part of its name; * stands for anything. Empty for all",
    placeHolder: "create_user",
    value: fn ?? "",
  }),
  since: ({ since }) => ({
    title: "Only requests since",
    prompt: "An age or a time. Empty for all",
    placeHolder: "30m",
    value: since ?? "",
    validateInput: sinceProblem,
  }),
  service: ({ service }) => ({
    title: "Only requests that a service took part in",
    prompt: "Its name; * stands for anything. Empty for all",
    placeHolder: "checkout",
    value: service ?? "",
  }),
  slowMs: ({ slowMs }) => ({
    title: "Only requests that took longer than so many milliseconds",
    prompt: "Empty for all",
    placeHolder: "200",
    value: slowMs ? String(slowMs) : "",
    validateInput: slowProblem,
  }),
};
