// Rows of the user's database, and what requests did to them, in words.

import type { RowOutcome, RowShape, RowState } from "../../messages";
import { plain } from "./plain";
import { bare, pairs } from "./values";

export const OPERATIONS: Readonly<Record<RowShape["operation"], string>> = {
  insert: "inserted",
  update: "updated",
  delete: "deleted",
};

export const OUTCOMES: Readonly<Record<RowOutcome, string>> = {
  committed: "committed",
  rolled_back: "rolled back",
  unknown: "outcome unknown",
};

const KEY = 80;
const VALUE = 400;

/** `users id=42`. */
export function rowName(table: string, key: Readonly<Record<string, unknown>>): string {
  return `${plain(table)} ${Object.keys(key).length === 0 ? "(key not recorded)" : pairs(key, KEY)}`;
}

export interface Column {
  readonly name: string;
  /** Nothing where there was no row. */
  readonly before?: string;
  readonly after?: string;
}

/** What became of the columns, but of those that the row's name tells already. */
export function columns(row: RowShape): Column[] {
  return Object.entries(row.columns)
    .filter(([name]) => row.operation === "update" || !(name in row.key))
    .map(([name, value]) => ({
      name: plain(name),
      ...(row.operation === "insert" ? {} : { before: bare(value.before, VALUE) }),
      ...(row.operation === "delete" ? {} : { after: bare(value.after, VALUE) }),
    }));
}

/** How sure what is told of a row is. */
export function certainty(state: RowState): string {
  if (state.outcome === "committed") {
    return state.pending ? "not committed yet" : "committed";
  }
  if (state.outcome === "rolled_back") {
    return state.pending ? "not committed, and rolled back later" : "rolled back";
  }
  return "outcome unknown";
}

/** What a row held. */
export function held(state: RowState): string {
  return state.exists ? pairs(state.columns, VALUE, Object.keys(state.key)) : "does not exist";
}
