// The page of one request: its spans on a time axis, the steps through them, and what each recorded.

import { latency } from "../requests";
import { around, axis, bar, type Direction, firstStep, type Row, step, ticks, visible } from "../views/model/steps";
import type { Action, FromRequestPage, RequestHead, RequestState, ToRequestPage } from "../views/talk";
import { details } from "./details";
import { button, h, isForPage, keyButton, page, problem } from "./dom";
import { host } from "./host";
import { VirtualList } from "./virtual";

const ROW_HEIGHT = 24;
const DEEPEST = 24;

const editor = host<ToRequestPage, FromRequestPage, RequestState>();
const root = page();

let rows: readonly Row[] = [];
let shown: readonly Row[] = [];
let whole = { fromMs: 0, toMs: 1 };
let state: RequestState | undefined;
let at = -1;
let noise = false;
const folded = new Set<number>();

const list = new VirtualList<Row>({
  height: ROW_HEIGHT,
  role: "tree",
  label: "Spans",
  render,
  select: (row) => went(row.index),
  key: pressedOnRow,
});
const pane = h("section", "details", { "aria-label": "The selected span", tabindex: "0" });
const position = h("span", "position quiet", { role: "status", "aria-live": "polite" });

// Drawing.

function draw(head: RequestHead): void {
  root.setAttribute("aria-busy", "false");
  root.replaceChildren(
    header(head),
    toolbar(head),
    h("div", "split", {}, h("section", "spans", { "aria-label": "Spans by time" }, timeAxis(), list.element), pane),
  );
}

function header(head: RequestHead): HTMLElement {
  return h(
    "header",
    "",
    {},
    h(
      "h1",
      "",
      {},
      h("span", "title", {}, head.title),
      h("span", `pill ${head.went}`, {}, head.outcome),
      h("span", "quiet", {}, head.latency),
      button(`req:${head.id.slice(0, 8)}`, "link id", () => act("copy"), { title: "Copy the id" }),
    ),
    head.error === "" ? null : h("p", "error-line", {}, head.error),
    h(
      "dl",
      "facts",
      {},
      ...head.facts.map(([name, value]) => h("div", "", {}, h("dt", "", {}, name), h("dd", "", {}, value))),
    ),
  );
}

function toolbar(head: RequestHead): HTMLElement {
  const hidden = rows.filter((row) => row.noise).length;
  const toggle = h("input", "", { type: "checkbox" });
  toggle.checked = noise;
  toggle.addEventListener("change", () => {
    noise = toggle.checked;
    arrange();
    keep();
  });
  return h(
    "div",
    "toolbar",
    { role: "toolbar", "aria-label": "Steps and commands" },
    h(
      "span",
      "group",
      {},
      keyButton("Previous", "p", () => go("previous")),
      keyButton("Next", "n", () => go("next")),
      keyButton("Next error", "e", () => go("nextError")),
      keyButton("Open line", "o", openLine),
      position,
    ),
    h(
      "span",
      "group",
      {},
      head.failed ? button("Why", "", () => act("why")) : null,
      button("Compare", "", () => act("diff"), { title: "Compare with the last good request of its route" }),
      head.trusted ? button("Replay", "", () => act("replay"), { title: "Run it again, with side effects off" }) : null,
      head.failed && head.trusted
        ? button("Bisect", "", () => act("bisect"), { title: "Find the commit that broke it" })
        : null,
      head.failed
        ? button("Explain", "", () => act("explain"), { title: "What a model would be asked; sends nothing" })
        : null,
      button("Write test", "", () => act("writeTest"), { title: "A regression test of this request" }),
    ),
    hidden === 0
      ? null
      : h(
          "label",
          "quiet",
          {},
          toggle,
          ` ${hidden} span${hidden === 1 ? "" : "s"} of messages, connections and drivers`,
        ),
  );
}

function timeAxis(): HTMLElement {
  const total = whole.toMs - whole.fromMs;
  const track = h("div", "track", { "aria-hidden": "true" });
  for (const tick of ticks(total)) {
    const mark = h("span", "tick", {}, tick === 0 ? "0" : latency(tick));
    mark.style.left = `${(tick / total) * 100}%`;
    track.append(mark);
  }
  return h("div", "axis", {}, h("span", "quiet", {}, `${rows.length} span${rows.length === 1 ? "" : "s"}`), track);
}

function render(row: Row): HTMLElement {
  const twisty = h("span", `twisty${row.below > 0 ? (folded.has(row.index) ? " closed" : " open") : ""}`, {
    "aria-hidden": "true",
  });
  if (row.below > 0) {
    twisty.addEventListener("mousedown", (event) => {
      event.stopPropagation();
      fold(row);
    });
  }
  const { left, width } = bar(row, whole);
  const time = h("span", `bar ${row.mark} ${row.kind}`);
  time.style.left = `${left}%`;
  time.style.width = `${width}%`;
  const took = h("span", "took", {}, latency(row.durationMs));
  took.style.left = `calc(${left + width}% + 4px)`;
  const label = h(
    "span",
    "label",
    {},
    twisty,
    row.mark === ""
      ? null
      : h("span", `mark ${row.mark}`, { "aria-hidden": "true" }, row.mark === "failed" ? "✘" : "!"),
    h("span", `span-name ${row.mark}`, {}, row.name),
    row.service === "" ? null : h("span", "quiet", {}, row.service),
    row.writes > 0 ? h("span", "writes", {}, `${row.writes} row${row.writes === 1 ? "" : "s"}`) : null,
    row.orphan ? h("span", "quiet", {}, "parent missing") : null,
  );
  label.style.paddingLeft = `${Math.min(row.depth, DEEPEST) * 14 + 4}px`;
  const made = h(
    "div",
    row.noise ? "noise" : "",
    {
      "aria-level": row.depth + 1,
      "aria-expanded": row.below > 0 ? String(!folded.has(row.index)) : undefined,
      "aria-label": [row.name, latency(row.durationMs), row.mark, row.error].filter((word) => word !== "").join(", "),
      title: row.error === "" ? row.name : `${row.name}\n${row.error}`,
    },
    label,
    h("span", "track", { "aria-hidden": "true" }, time, took),
  );
  return made;
}

/** Puts the rows into the list anew, with the same one selected. */
function arrange(): void {
  shown = visible(rows, folded, noise);
  list.show(
    shown,
    Math.max(
      shown.findLastIndex((row) => row.index <= at),
      0,
    ),
  );
  tellPosition();
}

function tellPosition(): void {
  const counted = rows.filter((row) => noise || !row.noise);
  const number = counted.findIndex((row) => row.index === at) + 1;
  position.textContent = number === 0 ? `${counted.length} steps` : `step ${number} of ${counted.length}`;
}

// Going through.

function go(direction: Direction): void {
  const to = step(rows, at, direction, noise);
  if (to !== undefined) {
    goTo(to);
  }
}

function goTo(index: number): void {
  const hiding = around(rows, index).filter((each) => folded.has(each));
  for (const each of hiding) {
    folded.delete(each);
  }
  if (hiding.length > 0) {
    at = index;
    arrange();
  }
  list.select(shown.findIndex((row) => row.index === index));
}

function went(index: number): void {
  at = index;
  tellPosition();
  keep();
  editor.say({ kind: "select", at });
}

function fold(row: Row): void {
  if (row.below === 0) {
    return;
  }
  if (!folded.delete(row.index)) {
    folded.add(row.index);
  }
  arrange();
  keep();
}

function pressedOnRow(event: KeyboardEvent, row: Row): boolean {
  switch (event.key) {
    case "ArrowLeft": {
      if (row.below > 0 && !folded.has(row.index)) {
        fold(row);
      } else {
        const parent = around(rows, row.index).at(-1);
        if (parent !== undefined) {
          goTo(parent);
        }
      }
      return true;
    }
    case "ArrowRight":
      if (folded.has(row.index)) {
        fold(row);
      }
      return true;
    case "Enter":
      openLine();
      return true;
    default:
      return false;
  }
}

function openLine(): void {
  editor.say({ kind: "open", at });
}

function act(action: Action): void {
  editor.say({ kind: "action", action });
}

function keep(): void {
  if (state !== undefined) {
    state = { id: state.id, at, noise, folded: [...folded] };
    editor.keep(state);
  }
}

const KEYS: Readonly<Record<string, () => void>> = {
  n: () => go("next"),
  p: () => go("previous"),
  e: () => go("nextError"),
  o: openLine,
};

window.addEventListener("keydown", (event) => {
  const run = KEYS[event.key];
  if (run !== undefined && isForPage(event)) {
    event.preventDefault();
    run();
  }
});

editor.hear((message) => {
  switch (message.kind) {
    case "request": {
      const again = state?.id === message.state.id && at >= 0;
      const remembered = editor.kept();
      const kept = remembered?.id === message.state.id ? remembered : message.state;
      rows = message.rows;
      whole = axis(rows);
      noise = kept.noise ?? false;
      folded.clear();
      for (const index of kept.folded ?? []) {
        folded.add(index);
      }
      state = kept;
      const wanted = again ? at : (kept.at ?? firstStep(rows));
      at = Math.min(wanted, rows.length - 1);
      draw(message.head);
      arrange();
      goTo(at);
      list.element.focus();
      return;
    }
    case "details":
      if (message.at === at) {
        pane.replaceChildren(...details(message.step, message.place, openLine));
        pane.scrollTop = 0;
      }
      return;
    case "problem":
      root.setAttribute("aria-busy", "false");
      root.replaceChildren(problem(message.text, () => act("reload")));
      return;
  }
});
editor.say({ kind: "ready" });
