// When a server that ended by itself is started again: at once, then later and later, and at last not by itself.

const FIRST_MS = 250;
/** A server that ran this long had nothing wrong with its start. */
export const STEADY_MS = 60_000;
const MOST_IN_A_ROW = 5;

export type Next = { readonly kind: "again"; readonly inMs: number } | { readonly kind: "give-up" };

export class Backoff {
  private crashes = 0;

  /** What to do about a server that ended after it ran for so long. */
  crashed(ranMs: number): Next {
    this.crashes = ranMs >= STEADY_MS ? 1 : this.crashes + 1;
    if (this.crashes > MOST_IN_A_ROW) {
      return { kind: "give-up" };
    }
    return { kind: "again", inMs: FIRST_MS * 2 ** (this.crashes - 1) };
  }

  /** For when a person says to try anew. */
  reset(): void {
    this.crashes = 0;
  }
}
