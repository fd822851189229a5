// What there is to know about one step: error, place, input, output, locals, rows, attributes.

import type { RowShape, RowState, StepShape } from "../messages";
import { latency } from "../requests";
import { certainty, columns, held, OPERATIONS, OUTCOMES, rowName } from "../views/model/rows";
import { mark } from "../views/model/steps";
import { inside } from "../views/model/values";
import type { Place } from "../views/talk";
import { button, h } from "./dom";
import { shown, tree } from "./values";

/** Sections that stay as the user left them while going from step to step. */
const closed = new Set<string>(["Attributes", "Rows at this step"]);

export function details(step: StepShape, place: Place, open: () => void): HTMLElement[] {
  const how = mark(step);
  const parts: (HTMLElement | null)[] = [
    h(
      "h2",
      "",
      {},
      h("span", "", {}, step.name === "" ? "(no name)" : step.name),
      h(
        "span",
        "quiet",
        {},
        ` ${step.kind} · ${step.service} · ${latency(step.duration_ms)} at +${latency(step.start_ms)}`,
      ),
    ),
    step.error === null ? null : h("pre", `error ${how}`, { role: "note" }, step.error),
    placeLine(place, open),
    step.parent_missing ? h("p", "quiet", {}, "Its parent has not arrived.") : null,
    step.outcome === null ? null : h("p", "", {}, `The transaction was ${OUTCOMES[step.outcome]}.`),
    value("Input", step.input, step.recorded.includes("input")),
    value("Output", step.output, step.recorded.includes("output")),
    step.frame?.locals ? section("Locals", tree(Object.entries(step.frame.locals))) : null,
    step.row_changes.length === 0 ? null : section("Rows changed", ...step.row_changes.map(rowChange)),
    step.rows_state.length === 0 ? null : section("Rows at this step", ...step.rows_state.map(rowState)),
    Object.keys(step.attributes).length === 0
      ? null
      : section("Attributes", tree(Object.entries(step.attributes).sort(byName), 0)),
  ];
  return parts.filter((part) => part !== null);
}

function placeLine(place: Place, open: () => void): HTMLElement | null {
  if (place.words === "") {
    return null;
  }
  const line = place.open
    ? button(place.words, "link", open, { title: "Open this line (o)" })
    : h("span", "quiet", {}, place.words);
  return h("p", "place", {}, line, place.note === "" ? null : h("span", "quiet note", {}, place.note));
}

function value(title: string, recorded: unknown, has: boolean): HTMLElement | null {
  if (!has) {
    return null;
  }
  const parts = inside(recorded);
  return section(title, parts.length === 0 ? h("div", "leaf", {}, shown(recorded)) : tree(parts));
}

function section(title: string, ...content: HTMLElement[]): HTMLElement {
  const made = h(
    "details",
    "section",
    closed.has(title) ? {} : { open: true },
    h("summary", "", {}, title),
    ...content,
  );
  made.addEventListener("toggle", () => {
    if (made.open) {
      closed.delete(title);
    } else {
      closed.add(title);
    }
  });
  return made;
}

function rowChange(row: RowShape): HTMLElement {
  const head = h(
    "caption",
    "",
    {},
    `${rowName(row.table, row.key)} `,
    h("span", "quiet", {}, `${OPERATIONS[row.operation]}, `),
    h("span", row.outcome, {}, OUTCOMES[row.outcome]),
  );
  const table = h("table", "row-change", {}, head);
  table.append(
    h(
      "thead",
      "",
      {},
      h("tr", "", {}, ...["column", "before", "after"].map((name) => h("th", "", { scope: "col" }, name))),
    ),
  );
  const body = h("tbody");
  for (const column of columns(row)) {
    body.append(
      h(
        "tr",
        "",
        {},
        h("th", "", { scope: "row" }, column.name),
        h("td", "before", {}, column.before ?? ""),
        h("td", "after", {}, column.after ?? ""),
      ),
    );
  }
  table.append(body);
  return table;
}

function rowState(state: RowState): HTMLElement {
  return h(
    "p",
    "row-state",
    {},
    h("strong", "", {}, rowName(state.table, state.key)),
    ` ${held(state)} `,
    h("span", "quiet", {}, `(${certainty(state)})`),
  );
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
