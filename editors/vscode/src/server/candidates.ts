// Where a language server may be, in the order of who has the say: the setting, the interpreter, PATH, our own copy.

import * as path from "node:path";

export type Source = "setting" | "interpreter" | "path" | "installed";

/** A program that may be the server, not yet tried. */
export interface Candidate {
  readonly source: Source;
  readonly command: string;
  readonly args: readonly string[];
  /** The interpreter that runs it, where one is named. */
  readonly python?: string;
}

/** What is known of the machine and the workspace when a server is looked for. */
export interface Surroundings {
  /** `flux.server.path`, or nothing. */
  readonly setting: string;
  /** The interpreter that the Python extension has selected, if the folder is trusted. */
  readonly interpreter: string | undefined;
  readonly path: string;
  /** The folder where an install of ours would be. */
  readonly installed: string;
  readonly trusted: boolean;
  readonly folders: readonly string[];
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly exists: (file: string) => boolean;
}

// Without -P, Python would look for `flux_ls` in the folder that the server runs in first: in the user's repository.
const AS_MODULE = ["-P", "-m", "flux_ls.lsp"];

export function candidates(around: Surroundings): Candidate[] {
  const setting = around.setting.trim();
  if (setting !== "") {
    // Who names a server wants that one, not the next best.
    return [named(expandHome(setting, around.home), "setting")];
  }
  const found: Candidate[] = [];
  if (around.interpreter !== undefined) {
    found.push(named(around.interpreter, "interpreter"));
  }
  const onPath = which("flux-ls", around);
  if (onPath !== undefined) {
    found.push({ source: "path", command: onPath, args: [] });
  }
  const own = interpreterOf(around.installed, around.platform);
  if (around.exists(own)) {
    found.push(named(own, "installed"));
  }
  return found;
}

/** An interpreter runs the server as a module; anything else is taken for the server itself. */
function named(command: string, source: Source): Candidate {
  return /^(python|pypy)[\d.]*(\.exe)?$/i.test(path.win32.basename(command)) || source !== "setting"
    ? { source, command, args: AS_MODULE, python: command }
    : { source, command, args: [] };
}

export function interpreterOf(environment: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? path.win32.join(environment, "Scripts", "python.exe")
    : path.posix.join(environment, "bin", "python");
}

/** The first program of that name on PATH; in a folder that is not trusted, none that belongs to it. */
export function which(program: string, around: Surroundings): string | undefined {
  const on = around.platform === "win32" ? path.win32 : path.posix;
  const names = around.platform === "win32" ? [`${program}.exe`] : [program];
  for (const folder of around.path.split(on.delimiter)) {
    // A relative entry means another program in every folder.
    if (!on.isAbsolute(folder) || (!around.trusted && around.folders.some((root) => isInside(folder, root, on)))) {
      continue;
    }
    for (const name of names) {
      const file = on.join(folder, name);
      if (around.exists(file)) {
        return file;
      }
    }
  }
  return undefined;
}

function isInside(file: string, folder: string, on: path.PlatformPath): boolean {
  const relative = on.relative(folder, file);
  return relative === "" || !(relative.startsWith("..") || on.isAbsolute(relative));
}

function expandHome(file: string, home: string): string {
  return file === "~" || file.startsWith("~/") || file.startsWith("~\\") ? path.join(home, file.slice(1)) : file;
}
