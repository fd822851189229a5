// The page of a comparison: the verdict in words, then every difference, each side in its column.

import type { Line, RequestHead, Side } from "../views/model/comparison";
import type { CompareState, FromComparePage, ToComparePage } from "../views/talk";
import { button, h, isForPage, page, problem } from "./dom";
import { host } from "./host";
import { shown } from "./values";
import { VirtualList } from "./virtual";

const ROW_HEIGHT = 24;
const DEEPEST = 24;
const SIGNS = { added: "+", removed: "−", changed: "~", moved: "↕", same: "=" } as const;

type Comparison = Extract<ToComparePage, { kind: "comparison" }>;

const editor = host<ToComparePage, FromComparePage, CompareState>();
const root = page();

let told: Comparison | undefined;
let noise = false;
let at = 0;

const list = new VirtualList<Line>({
  height: ROW_HEIGHT,
  role: "listbox",
  label: "Differences",
  render,
  select: (line, index) => {
    at = index;
    look(line);
  },
  key: (event, line) => {
    if (event.key !== "Enter") {
      return false;
    }
    openPlace(line);
    return true;
  },
});
const pane = h("section", "details", { "aria-label": "The selected difference", tabindex: "0" });

function draw(): void {
  if (told === undefined) {
    return;
  }
  const { head, replayed } = told;
  root.setAttribute("aria-busy", "false");
  root.replaceChildren(
    h(
      "header",
      "",
      {},
      h(
        "h1",
        "",
        {},
        h("span", `verdict ${head.verdict.toLowerCase()}`, {}, head.words),
        h("span", "summary", {}, head.summary),
      ),
      ...head.notes.map((note) => h("p", "quiet", {}, note)),
      h(
        "div",
        "sides",
        {},
        sideHead("before", replayed ? "recorded" : "before", head.before, true),
        sideHead("after", replayed ? "replayed" : "after", head.after, !replayed),
      ),
    ),
    toolbar(told),
    h("div", "split stacked", {}, list.element, pane),
  );
  arrange();
}

function sideHead(side: "before" | "after", word: string, request: RequestHead, opens: boolean): HTMLElement {
  const open = () => editor.say({ kind: "request", side });
  return h(
    "div",
    `side ${side}`,
    {},
    h("span", "quiet", {}, `${SIGNS[side === "before" ? "removed" : "added"]} ${word}`),
    opens
      ? button(request.title, "link", open, { title: "Step through this request" })
      : h("span", "", {}, request.title),
    h("span", `facts ${request.went}`, {}, request.facts),
  );
}

function toolbar({ head: { muted }, lines, whole, replayed }: Comparison): HTMLElement {
  const toggle = h("input", "", { type: "checkbox" });
  toggle.checked = noise;
  toggle.addEventListener("change", () => {
    noise = toggle.checked;
    at = 0;
    arrange();
    keep();
  });
  return h(
    "div",
    "toolbar",
    { role: "toolbar", "aria-label": "What is shown" },
    lines.length === whole.length
      ? null
      : h(
          "label",
          "",
          {},
          toggle,
          muted === 0 ? " Show all differences" : ` Show all differences, ${muted} by chance: ids, times and the like`,
        ),
    replayed ? button("Replay again", "", () => editor.say({ kind: "action", action: "replay" })) : null,
  );
}

function arrange(): void {
  if (told === undefined) {
    return;
  }
  const lines = noise ? told.whole : told.lines;
  list.show(lines, at);
  const line = lines[at];
  if (line === undefined) {
    pane.replaceChildren(h("p", "quiet", {}, "Nothing differs but what differs by chance."));
  } else {
    look(line);
  }
}

function render(line: Line): HTMLElement {
  const made = h("div", `line ${line.kind}`);
  const name = h("span", "label");
  name.style.paddingLeft = `${Math.min("depth" in line ? line.depth : 0, DEEPEST) * 14 + 4}px`;
  made.append(name);
  switch (line.kind) {
    case "span":
    case "row": {
      made.classList.add(line.change);
      name.append(sign(line.change), h("span", "span-name", {}, line.name));
      if (line.kind === "span" && line.mark !== "") {
        name.append(h("span", `mark ${line.mark}`, {}, line.mark === "failed" ? "✘" : "✔"));
      }
      made.append(h("span", "cell before", {}, line.before), h("span", "cell after", {}, line.after));
      break;
    }
    case "field":
      if (line.noise !== "") {
        made.classList.add("noise");
      }
      name.append(sign(line.change), h("span", "field-name", {}, line.path));
      made.append(cell(line.before, "before"), cell(line.after, "after"));
      break;
    case "folded":
      name.append(h("span", "quiet", {}, `⋯ ${line.text}`));
      break;
    case "heading":
      name.append(h("strong", "", {}, line.text));
      break;
  }
  made.setAttribute("aria-label", spoken(line));
  return made;
}

function sign(change: keyof typeof SIGNS): HTMLElement {
  return h("span", `sign ${change}`, { "aria-hidden": "true" }, SIGNS[change]);
}

function cell(side: Side | null, which: "before" | "after"): HTMLElement {
  return h("span", `cell value ${which}`, {}, side?.text ?? "");
}

function spoken(line: Line): string {
  switch (line.kind) {
    case "span":
    case "row":
      return `${line.name}, ${line.change}, before ${line.before || "nothing"}, after ${line.after || "nothing"}`;
    case "field":
      return `${line.path}, ${line.change}, before ${line.before?.text ?? "nothing"}, after ${line.after?.text ?? "nothing"}`;
    default:
      return line.text;
  }
}

/** The whole of what the selected line has no room for. */
function look(line: Line): void {
  switch (line.kind) {
    case "field":
      pane.replaceChildren(
        h("h2", "", {}, line.path, line.noise === "" ? null : h("span", "quiet", {}, ` muted: ${line.noise}`)),
        whole("before", line.before),
        whole("after", line.after),
      );
      return;
    case "span":
      pane.replaceChildren(
        h("h2", "", {}, line.name),
        line.place === null
          ? h("p", "quiet", {}, "The recording names no line of your code for it.")
          : button("Open its line", "link", () => openPlace(line)),
      );
      return;
    case "row":
      pane.replaceChildren(
        h("h2", "", {}, line.name),
        h("p", "", {}, `before: ${line.before || "not touched"}`),
        h("p", "", {}, `after: ${line.after || "not touched"}`),
      );
      return;
    default:
      pane.replaceChildren(h("p", "quiet", {}, line.text));
  }
}

function whole(which: "before" | "after", side: Side | null): HTMLElement {
  return h(
    "div",
    `whole ${which}`,
    {},
    h("span", "quiet", {}, which),
    side === null ? h("span", "quiet", {}, "nothing") : shown(side.whole),
  );
}

function openPlace(line: Line): void {
  if (line.kind === "span" && line.place !== null) {
    editor.say({ kind: "place", side: line.place.side, spanId: line.place.spanId });
  }
}

function keep(): void {
  editor.keep({ noise });
}

/** To the next line that says something: a span or a row that is another one. */
function jump(direction: 1 | -1): void {
  const lines = (noise ? told?.whole : told?.lines) ?? [];
  for (let index = at + direction; index >= 0 && index < lines.length; index += direction) {
    const kind = lines[index]?.kind;
    if (kind === "span" || kind === "row") {
      list.select(index);
      return;
    }
  }
}

window.addEventListener("keydown", (event) => {
  if ((event.key === "n" || event.key === "p") && isForPage(event)) {
    event.preventDefault();
    jump(event.key === "n" ? 1 : -1);
  }
});

editor.hear((message) => {
  if (message.kind === "problem") {
    root.setAttribute("aria-busy", "false");
    root.replaceChildren(problem(message.text, () => editor.say({ kind: "action", action: "reload" })));
    return;
  }
  told = message;
  at = 0;
  noise = editor.kept()?.noise ?? false;
  draw();
  keep();
  list.element.focus();
});
editor.say({ kind: "ready" });
