// Places on a page, `shop/app.py:12`, which the server says lead to a line of the workspace: as links of the page's own.

/** As much of a link of the server's as is read here. */
export interface PlaceLink {
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
  readonly target?: string;
}

/** Where a place leads; the line is counted from 0. */
export interface Target {
  readonly uri: string;
  readonly line: number;
}

const ANCHOR = "#flux-place-";

/**
 * The Markdown with its places as links within the page, and where each leads. A link that does not fit the text is left
 * out: the page may have been told anew meanwhile.
 */
export function withPlaces(page: string, links: readonly PlaceLink[]): { text: string; targets: readonly Target[] } {
  const lines = page.split("\n");
  const targets: Target[] = [];
  const backwards = [...links].sort((one, other) => other.range.start.character - one.range.start.character);
  for (const { range, target } of backwards) {
    const text = lines[range.start.line];
    const [, uri, number] = /^(file:\/\/[^#]+)#L([1-9]\d*)$/.exec(target ?? "") ?? [];
    if (text === undefined || uri === undefined || number === undefined || range.end.line !== range.start.line) {
      continue;
    }
    const [from, to] = [range.start.character - 1, range.end.character + 1];
    const place = text.slice(from, to);
    if (from >= 0 && /^`[^`]+`$/.test(place) && place.endsWith(`:${number}\``)) {
      lines[range.start.line] = `${text.slice(0, from)}[${place}](${ANCHOR}${targets.length})${text.slice(to)}`;
      targets.push({ uri, line: Number(number) - 1 });
    }
  }
  return { text: lines.join("\n"), targets };
}

/** Which place a link of a page is; nothing for another link. */
export function placeAt(href: string | null): number | undefined {
  const number = href?.startsWith(ANCHOR) ? href.slice(ANCHOR.length) : "";
  return /^\d+$/.test(number) ? Number(number) : undefined;
}
