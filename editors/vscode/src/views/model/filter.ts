// Which requests are wanted: the filter of the live view, in words and as the server takes it.

export interface Filter {
  readonly fn?: string;
  readonly errorsOnly?: boolean;
  /** An age such as `30m`. */
  readonly since?: string;
  readonly service?: string;
  readonly slowMs?: number;
}

export const EVERY: Filter = {};

export function isEvery(filter: Filter): boolean {
  return words(filter) === "";
}

/** `errors only · fn create · since 30m`. */
export function words(filter: Filter): string {
  return [
    filter.errorsOnly ? "errors only" : "",
    filter.fn ? `fn ${filter.fn}` : "",
    filter.service ? `service ${filter.service}` : "",
    filter.slowMs ? `slower than ${filter.slowMs} ms` : "",
    filter.since ? `since ${filter.since}` : "",
  ]
    .filter((word) => word !== "")
    .join(" · ");
}

/** The same filter with one part of it changed; an empty value takes the part away. */
export function changed(filter: Filter, part: keyof Filter, value: string | number | boolean | undefined): Filter {
  const { [part]: _, ...rest } = filter;
  return value ? { ...rest, [part]: value } : rest;
}

/** What `flux/subscribeTail` takes: without an age, which is of what is stored. */
export function subscription(filter: Filter): Readonly<Record<string, unknown>> {
  const { since: _, ...rest } = filter;
  return rest;
}

const AGE = /^\d+(\.\d+)?\s*[smhdw]$/;
const MOMENT = /^(\d{1,2}:\d{2}(:\d{2})?|\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?.*)?)$/;

/** What is wrong with an age or a time as somebody typed it; nothing, when the server will take it. */
export function sinceProblem(text: string): string | undefined {
  const given = text.trim();
  return given === "" || AGE.test(given) || MOMENT.test(given)
    ? undefined
    : "An age such as 30m, 2h or 1d, or a time such as 14:30 or 2026-05-01.";
}

export function slowProblem(text: string): string | undefined {
  const given = text.trim();
  return given === "" || Number(given) > 0 ? undefined : "Milliseconds, such as 200.";
}
