// What a page in a panel and the extension say to each other. Both sides import it; it is only types.

import type { StepShape } from "../messages";
import type { Head as CompareHead, Line } from "./model/comparison";
import type { Went } from "./model/request";
import type { Row } from "./model/steps";

/** The commands that a page may ask for, about the request that it shows. */
export const ACTIONS = ["why", "diff", "replay", "bisect", "explain", "writeTest", "debug", "copy", "reload"] as const;
export type Action = (typeof ACTIONS)[number];

/** What the page of a request keeps over a reload. */
export interface RequestState {
  readonly id: string;
  readonly at?: number;
  readonly noise?: boolean;
  readonly folded?: readonly number[];
}

export interface RequestHead {
  readonly id: string;
  readonly title: string;
  readonly went: Went;
  readonly outcome: string;
  readonly latency: string;
  readonly error: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly failed: boolean;
  readonly trusted: boolean;
}

export type ToRequestPage =
  | {
      readonly kind: "request";
      readonly head: RequestHead;
      readonly rows: readonly Row[];
      readonly state: RequestState;
    }
  | { readonly kind: "details"; readonly at: number; readonly step: StepShape; readonly place: Place }
  | { readonly kind: "problem"; readonly text: string };

/** Where a step is in the code, in words; `open` when it can be gone to. */
export interface Place {
  readonly words: string;
  readonly note: string;
  readonly open: boolean;
}

export type FromRequestPage =
  | { readonly kind: "ready" }
  | { readonly kind: "select"; readonly at: number }
  | { readonly kind: "open"; readonly at: number }
  | { readonly kind: "action"; readonly action: Action };

/** Somebody wants to see the code of a place on a page to read. */
export interface FromTextPage {
  readonly kind: "place";
  readonly at: number;
}

/** What the page of a comparison keeps over a reload. */
export interface CompareState {
  readonly noise: boolean;
}

export type ToComparePage =
  | {
      readonly kind: "comparison";
      readonly head: CompareHead;
      readonly lines: readonly Line[];
      readonly whole: readonly Line[];
      /** The second is the latest replay of the first. */
      readonly replayed: boolean;
    }
  | { readonly kind: "problem"; readonly text: string };

export type FromComparePage =
  | { readonly kind: "ready" }
  | { readonly kind: "place"; readonly side: "before" | "after"; readonly spanId: string }
  | { readonly kind: "request"; readonly side: "before" | "after" }
  | { readonly kind: "action"; readonly action: Action };
