// What Flux has to say about the place where the cursor is.

/** A kind of failure, as a line's hint names it or counts it. */
export interface Finding {
  readonly id: string;
  readonly fingerprint: string;
  readonly message: string;
  /** From 0. */
  readonly line: number;
}

/** What a published diagnostic carries for us. */
export interface FluxData {
  readonly fingerprint: string;
  readonly requestId: string;
  readonly state: "failing" | "handled";
  readonly anchor: "exact" | "moved" | "edited";
  readonly functionEdited: boolean;
  readonly replay: { readonly requestId: string; readonly error: string | null; readonly same: boolean } | null;
  readonly revision: string | null;
  readonly others: readonly { readonly fingerprint: string; readonly requestId: string; readonly message: string }[];
}

/** As much of a diagnostic as is read here. */
export interface Published {
  readonly range: { readonly start: { readonly line: number }; readonly end: { readonly line: number } };
  readonly message: string;
  readonly severity: number;
  readonly data?: unknown;
}

export function dataOf(diagnostic: Published): FluxData | undefined {
  const data = diagnostic.data;
  return typeof data === "object" && data !== null && "requestId" in data ? (data as FluxData) : undefined;
}

/** Each kind of failure that a file's diagnostics tell of, those that are named before the others of their line. */
export function findingsOf(diagnostics: readonly Published[]): Finding[] {
  return diagnostics.flatMap((diagnostic) => {
    const data = dataOf(diagnostic);
    if (data === undefined || data.revision !== null) {
      return [];
    }
    const line = diagnostic.range.start.line;
    const named = { id: data.requestId, fingerprint: data.fingerprint, message: diagnostic.message, line };
    const others = data.others.map(({ requestId, fingerprint, message }) => ({
      id: requestId,
      fingerprint,
      message,
      line,
    }));
    return [named, ...others];
  });
}

/** The findings on a line, else in the nearest block around it that has any. */
export function findingsAt(findings: readonly Finding[], lines: readonly string[], line: number): Finding[] {
  for (const [first, last] of [[line, line] as const, ...blocks(lines, line)]) {
    const within = findings.filter((finding) => first <= finding.line && finding.line <= last);
    if (within.length > 0) {
      return within;
    }
  }
  return [];
}

/**
 * The blocks around a line, innermost first, read off the indentation: a function's body is one of them in every
 * language that people indent. The whole file is none.
 */
export function blocks(lines: readonly string[], line: number): (readonly [number, number])[] {
  let at = Math.min(line, lines.length - 1);
  while (at > 0 && indent(lines[at]) === undefined) {
    at--;
  }
  let depth = indent(lines[at]) ?? 0;
  const found: (readonly [number, number])[] = [[at, lastOf(lines, at, depth)]];
  for (let head = at - 1; head >= 0 && depth > 0; head--) {
    const own = indent(lines[head]);
    if (own !== undefined && own < depth) {
      depth = own;
      found.push([head, lastOf(lines, head, own)]);
    }
  }
  return found;
}

function lastOf(lines: readonly string[], head: number, depth: number): number {
  let last = head;
  for (let line = head + 1; line < lines.length; line++) {
    const own = indent(lines[line]);
    if (own !== undefined && own <= depth) {
      break;
    }
    last = own === undefined ? last : line;
  }
  return last;
}

function indent(line: string | undefined): number | undefined {
  const depth = line?.search(/\S/) ?? -1;
  return depth < 0 ? undefined : depth;
}
