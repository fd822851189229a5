// The server's documents about one request, by their address: `flux://request/ID/why`.

import type { CommandName } from "./messages";

/** What a document is the answer of. */
export interface Asked {
  readonly name: CommandName;
  readonly id: string;
  /** The request that it is compared with. */
  readonly other?: string;
}

export function addressOf({ name, id, other }: Asked): string {
  const query = other === undefined ? "" : `?other=${encodeURIComponent(other)}`;
  return `flux://request/${encodeURIComponent(id)}/${name}${query}`;
}

/** Nothing for a document that is about something else, or that only its page can answer. */
export function askedBy(address: string): Asked | undefined {
  const [, id, name, other] = /^flux:\/\/request\/([^/?#]+)\/(\w+)(?:\?other=([^&#]+))?$/.exec(address) ?? [];
  if (id === undefined || name === undefined) {
    return undefined;
  }
  try {
    const asked = { name: name as CommandName, id: decodeURIComponent(id) };
    return other === undefined ? asked : { ...asked, other: decodeURIComponent(other) };
  } catch {
    return undefined;
  }
}
