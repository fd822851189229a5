// How a bisect goes: what a key binding's arguments or the choice of a user make of it, and how it is told.

/** What is not as it is by itself is given to the server. */
export interface Manner {
  /** So many revisions at once. */
  readonly jobs: number;
  /** Whether only the first parents of merges are followed. */
  readonly firstParent: boolean;
  /** Whether it begins anew where the same search was stopped before. */
  readonly fresh: boolean;
}

export const PLAIN: Manner = { jobs: 1, firstParent: false, fresh: false };

export const MOST_JOBS = 64;

/** What a command was called with; what is of another kind is left out. */
export interface Arguments {
  readonly good?: string;
  readonly bad?: string;
  readonly run?: string;
  readonly timeout?: number;
  readonly manner: Manner;
}

export function argumentsOf(given: unknown): Arguments {
  const names = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  const { timeout } = names;
  return {
    ...text("good", names.good),
    ...text("bad", names.bad),
    ...text("run", names.run),
    ...(typeof timeout === "number" && timeout >= 0 ? { timeout } : {}),
    manner: {
      jobs: typeof names.jobs === "number" && isJobs(names.jobs) ? names.jobs : PLAIN.jobs,
      firstParent: names.firstParent === true,
      fresh: names.fresh === true,
    },
  };
}

/** As the server takes it. */
export function parametersOf({ jobs, firstParent, fresh }: Manner): Readonly<Record<string, unknown>> {
  return {
    ...(jobs === PLAIN.jobs ? {} : { jobs }),
    ...(firstParent ? { firstParent } : {}),
    ...(fresh ? { fresh } : {}),
  };
}

/** What is unusual of it; nothing where all is as it is by itself. */
export function inWords({ jobs, firstParent, fresh }: Manner): string {
  const said = [
    ...(fresh ? ["begins anew"] : []),
    ...(firstParent ? ["first parents only"] : []),
    ...(jobs === PLAIN.jobs ? [] : [`${jobs} at once`]),
  ];
  return said.join(", ");
}

/** What is wrong with what was typed for a number of revisions. */
export function wrongJobs(typed: string): string | undefined {
  const isNumber = /^\s*\d+\s*$/.test(typed) && isJobs(Number(typed));
  return isNumber ? undefined : `A number from 1 to ${MOST_JOBS}`;
}

function isJobs(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MOST_JOBS;
}

function text(name: string, value: unknown): Readonly<Record<string, string>> {
  return typeof value === "string" && value.trim() !== "" ? { [name]: value.trim() } : {};
}
