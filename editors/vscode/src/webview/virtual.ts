// A list of which only the rows in sight are elements: as many rows as there may be, it scrolls and is walked by keys.

import { h } from "./dom";

export interface Rows<Row> {
  /** Of one row, in pixels. */
  readonly height: number;
  readonly role: "tree" | "listbox";
  readonly label: string;
  render(row: Row, index: number): HTMLElement;
  /** The keyboard or the mouse chose a row. */
  select(row: Row, index: number): void;
  /** A key on the selected row that is not for moving; true when it meant something. */
  key?(event: KeyboardEvent, row: Row, index: number): boolean;
}

const BEYOND = 8;

export class VirtualList<Row> {
  readonly element: HTMLElement;
  private readonly inside: HTMLElement;
  private rows: readonly Row[] = [];
  private drawn = new Map<number, HTMLElement>();
  private at = -1;

  constructor(private readonly how: Rows<Row>) {
    this.inside = h("div", "rows", { role: "presentation" });
    this.element = h("div", "list", { role: how.role, tabindex: "0", "aria-label": how.label }, this.inside);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.pressed(event));
    this.element.addEventListener("mousedown", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Shows other rows; `at` is selected and brought into sight. */
  show(rows: readonly Row[], at: number): void {
    this.rows = rows;
    this.at = Math.min(at, rows.length - 1);
    this.inside.style.height = `${rows.length * this.how.height}px`;
    this.redraw();
    this.reveal();
  }

  /** Draws all that is in sight anew. */
  redraw(): void {
    for (const element of this.drawn.values()) {
      element.remove();
    }
    this.drawn.clear();
    this.draw();
  }

  select(index: number): void {
    const row = this.rows[index];
    if (row === undefined) {
      return;
    }
    this.mark(false);
    this.at = index;
    this.reveal();
    this.draw();
    this.mark(true);
    this.how.select(row, index);
  }

  private mark(selected: boolean): void {
    const element = this.drawn.get(this.at);
    element?.classList.toggle("selected", selected);
    element?.setAttribute("aria-selected", String(selected));
    if (selected && element !== undefined) {
      this.element.setAttribute("aria-activedescendant", element.id);
    }
  }

  private reveal(): void {
    if (this.at < 0) {
      return;
    }
    const { height } = this.how;
    const top = this.at * height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop + height) {
      this.element.scrollTop = Math.max(top - height, 0);
    } else if (top + 2 * height > scrollTop + clientHeight) {
      this.element.scrollTop = top + 2 * height - clientHeight;
    }
  }

  private draw(): void {
    const { height } = this.how;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(Math.floor(scrollTop / height) - BEYOND, 0);
    const last = Math.min(Math.ceil((scrollTop + clientHeight) / height) + BEYOND, this.rows.length);
    for (const [index, element] of this.drawn) {
      if (index < first || index >= last) {
        element.remove();
        this.drawn.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      const row = this.rows[index];
      if (row !== undefined && !this.drawn.has(index)) {
        this.drawn.set(index, this.add(row, index));
      }
    }
    this.mark(true);
  }

  private add(row: Row, index: number): HTMLElement {
    const element = this.how.render(row, index);
    element.id = `row-${index}`;
    element.dataset.index = String(index);
    element.classList.add("row");
    element.setAttribute("role", this.how.role === "tree" ? "treeitem" : "option");
    element.setAttribute("aria-setsize", String(this.rows.length));
    element.setAttribute("aria-posinset", String(index + 1));
    element.setAttribute("aria-selected", "false");
    element.style.top = `${index * this.how.height}px`;
    element.style.height = `${this.how.height}px`;
    this.inside.append(element);
    return element;
  }

  private clicked(event: MouseEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".row");
    if (row?.dataset.index !== undefined && event.button === 0) {
      this.select(Number(row.dataset.index));
    }
  }

  private pressed(event: KeyboardEvent): void {
    const row = this.rows[this.at];
    const page = Math.max(Math.floor(this.element.clientHeight / this.how.height) - 1, 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.at + 1,
      ArrowUp: this.at - 1,
      PageDown: this.at + page,
      PageUp: this.at - page,
      Home: 0,
      End: this.rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.select(Math.max(0, Math.min(to, this.rows.length - 1)));
    } else if (row !== undefined && this.how.key?.(event, row, this.at)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }
}
