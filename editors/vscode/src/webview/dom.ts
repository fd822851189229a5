// Elements out of data. Text is always set as text: what was recorded is never read as markup.

type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An element with a class, attributes and children. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== "") {
    element.className = className;
  }
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      element.setAttribute(attribute, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(
  label: string,
  className: string,
  run: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  const made = h("button", className, { type: "button", ...attributes }, label);
  made.addEventListener("click", run);
  return made;
}

/** A button whose label names the key that does the same. */
export function keyButton(label: string, key: string, run: () => void): HTMLButtonElement {
  const made = button("", "", run, { "aria-keyshortcuts": key, title: `${label} (${key})` });
  made.append(label, h("kbd", "", { "aria-hidden": "true" }, key));
  return made;
}

/** The page's own element. */
export function page(): HTMLElement {
  const found = document.getElementById("page");
  if (found === null) {
    throw new Error("the page has no place for its content");
  }
  return found;
}

/** What to show when there is nothing else to. */
export function problem(text: string, again: () => void): HTMLElement {
  return h("div", "problem", { role: "alert" }, h("p", "", {}, text), button("Try again", "", again));
}

/** Whether a key that was pressed is meant for the page, and not for what is typed into. */
export function isForPage(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return !event.ctrlKey && !event.metaKey && !event.altKey && target?.tagName !== "INPUT";
}
