// Recorded values as people look through them: one line for each, what is inside on demand, long texts cut.

import { digits } from "../answer";
import { className, inside, nameWords, words } from "../views/model/values";
import { button, h } from "./dom";

const LINE = 240;
const LONG = 600;
const SHOWN = 100;

/** The names and values of an object, each to be looked into. */
export function tree(entries: readonly (readonly [name: string, value: unknown])[], open = 1): HTMLElement {
  const list = h("ul", "tree");
  fill(list, entries, 0, open);
  return list;
}

function fill(list: HTMLElement, entries: readonly (readonly [string, unknown])[], from: number, open: number): void {
  for (const [name, value] of entries.slice(from, from + SHOWN)) {
    list.append(h("li", "", {}, entry(name, value, open)));
  }
  const rest = entries.length - from - SHOWN;
  if (rest > 0) {
    const more = h("li", "", {});
    more.append(
      button(`${rest} more`, "quiet", () => {
        more.remove();
        fill(list, entries, from + SHOWN, open);
      }),
    );
    list.append(more);
  }
}

function entry(name: string, value: unknown, open: number): HTMLElement {
  const parts = inside(value);
  if (parts.length === 0) {
    return leaf(name, value);
  }
  const made = h("details", "", {});
  const summary = h(
    "summary",
    "",
    {},
    h("span", "name", {}, nameWords(name)),
    className(value) === "" ? null : h("span", "type", {}, className(value)),
    h("span", "preview", {}, words(value, LINE)),
  );
  made.append(summary);
  const unfold = () => {
    if (made.open && made.childElementCount === 1) {
      made.append(tree(parts, open - 1));
    }
  };
  made.addEventListener("toggle", unfold);
  if (open > 0 && parts.length <= 12) {
    made.open = true;
    unfold();
  }
  return made;
}

function leaf(name: string, value: unknown): HTMLElement {
  const line = h("div", "leaf", {}, h("span", "name", {}, nameWords(name)));
  line.append(shown(value));
  return line;
}

/** A value by itself; a long text is cut until it is asked for. */
export function shown(value: unknown): HTMLElement {
  const kind = value === null ? "null" : digits(value) === undefined ? typeof value : "number";
  if (typeof value !== "string" || value.length <= LONG) {
    return h("span", `value ${kind}`, {}, words(value, LONG * 2));
  }
  const whole = h("span", `value ${kind}`, {}, words(value, LONG));
  const more = button(`show all ${value.length.toLocaleString("en-US")} characters`, "quiet", () => {
    whole.textContent = words(value, value.length * 2);
    more.remove();
  });
  return h("span", "long", {}, whole, more);
}
