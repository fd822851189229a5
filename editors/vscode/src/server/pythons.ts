// The Pythons of this machine that a server could be installed with, and how old they are.

import { isOlder, type Run, runIn } from "./trying";

export interface Python {
  readonly command: string;
  readonly version: string;
}

const OLDEST = "3.11";
const NAMES = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"];
const ASKED = ["-I", "-c", "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"];

/** The selected one first, then those on PATH. */
export async function pythons(selected: string | undefined, folder: string): Promise<Python[]> {
  return among([...(selected === undefined ? [] : [selected]), ...NAMES], runIn(folder));
}

export async function among(commands: readonly string[], run: Run): Promise<Python[]> {
  const found: Python[] = [];
  const seen = new Set<string>();
  for (const command of commands) {
    const { code, stdout } = await run(command, ASKED);
    const [executable, version] = stdout.split(/\r?\n/);
    if (code === 0 && executable && version && !seen.has(executable)) {
      seen.add(executable);
      // One that was named with its path is kept as it was named: it may be a link into an environment.
      found.push({ command: /[/\\]/.test(command) ? command : executable, version });
    }
  }
  return found;
}

export function suitable(python: Python): boolean {
  return !isOlder(python.version, OLDEST);
}
