// The requests of the live view: what has come and what was paged back to, in bounded memory, the newest first.

import type { RequestShape } from "../../messages";

/** More are never held; who pages further back leaves the newest behind, and stands still. */
export const MOST = 2000;

/** `more`: there are older ones to load. */
export interface Shown {
  readonly requests: readonly RequestShape[];
  readonly more: boolean;
  readonly paused: boolean;
  /** How many came while it stood still. */
  readonly waiting: number;
}

export class Stream {
  private requests: RequestShape[] = [];
  private readonly known = new Set<string>();
  /** From where older ones are to be asked for: a cursor of the server's, or the id of the last that is left. */
  private earlier: string | null = null;
  /** What came while it stood still. */
  private held = new Map<string, RequestShape>();
  /** Some were left out at the new end. */
  private torn = false;
  private standing = false;

  constructor(private readonly most = MOST) {}

  get shown(): Shown {
    return {
      requests: this.requests,
      more: this.earlier !== null,
      paused: this.standing,
      waiting: this.held.size,
    };
  }

  get before(): string | null {
    return this.earlier;
  }

  /** Whether going on means to ask for the latest page anew. */
  get isTorn(): boolean {
    return this.torn;
  }

  find(id: string): RequestShape | undefined {
    return this.requests.find((request) => request.id === id);
  }

  /** Begins with the latest page, oldest first as the server tells it. What has come meanwhile stays. */
  begin(page: readonly RequestShape[], earlier: string | null): void {
    const came = [...this.held.values()];
    this.clear();
    this.earlier = earlier;
    this.insert([...page, ...came]);
    this.forgetOldest();
  }

  clear(): void {
    this.requests = [];
    this.known.clear();
    this.held = new Map();
    this.earlier = null;
    this.torn = false;
    this.standing = false;
  }

  /** Takes what has come; true when anything that is shown reads differently now. */
  take(requests: readonly RequestShape[]): boolean {
    if (!this.standing) {
      this.insert(requests);
      this.forgetOldest();
      return requests.length > 0;
    }
    let changed = false;
    for (const request of requests) {
      if (this.known.has(request.id)) {
        this.replace(request);
        changed = true;
      } else if (this.held.has(request.id) || this.held.size < this.most) {
        this.held.set(request.id, request);
        changed = true;
      } else {
        this.torn = true;
      }
    }
    return changed;
  }

  /** Takes an older page. */
  extend(page: readonly RequestShape[], earlier: string | null): void {
    this.earlier = earlier;
    this.insert(page);
    const surplus = this.requests.length - this.most;
    if (surplus > 0) {
      for (const request of this.requests.splice(0, surplus)) {
        this.known.delete(request.id);
      }
      this.torn = true;
      this.standing = true;
    }
  }

  pause(): void {
    this.standing = true;
  }

  /** Goes on. What was `isTorn` is then to begin anew. */
  resume(): void {
    this.standing = false;
    const came = [...this.held.values()];
    this.held = new Map();
    this.insert(came);
    this.forgetOldest();
  }

  private insert(requests: readonly RequestShape[]): void {
    const fresh: RequestShape[] = [];
    for (const request of requests) {
      if (this.known.has(request.id)) {
        this.replace(request);
      } else {
        this.known.add(request.id);
        fresh.push(request);
      }
    }
    if (fresh.length === 0) {
      return;
    }
    this.requests.push(...fresh);
    this.requests.sort(newestFirst);
  }

  private replace(request: RequestShape): void {
    const at = this.requests.findIndex((each) => each.id === request.id);
    if (at >= 0) {
      this.requests[at] = request;
    }
  }

  /** What falls off the old end can be paged back to only by going on from the last that is left. */
  private forgetOldest(): void {
    const surplus = this.requests.length - this.most;
    if (surplus <= 0) {
      return;
    }
    for (const request of this.requests.splice(this.most)) {
      this.known.delete(request.id);
    }
    this.earlier = this.requests.at(-1)?.id ?? null;
  }
}

/** RFC 3339 in UTC to the microsecond: in the order of their text. */
function newestFirst(one: RequestShape, other: RequestShape): number {
  if (one.started_at !== other.started_at) {
    return one.started_at < other.started_at ? 1 : -1;
  }
  return 0;
}
