// One click from no server to a server: pip puts the wheel that the extension carries where the user says.

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import type { Flux } from "../flux";
import { interpreterOf } from "./candidates";
import { installedIn } from "./finding";
import { type Python, pythons, suitable } from "./pythons";

/** Where the server goes, and who puts it there. */
type Place =
  | { readonly kind: "interpreter"; readonly python: Python }
  | { readonly kind: "own"; readonly python: Python };

const OLDEST_PYTHON = "3.11";

export async function install(flux: Flux): Promise<void> {
  const wheel = bundledWheel(flux.context);
  if (wheel === undefined) {
    void vscode.window.showErrorMessage(
      "Flux: this build of the extension carries no server. Install it by hand: pip install flux-ls",
    );
    return;
  }
  const selected = vscode.workspace.isTrusted ? await flux.server.interpreters.selected() : undefined;
  const found = await pythons(selected, flux.context.globalStorageUri.fsPath);
  const usable = found.filter(suitable);
  if (usable.length === 0) {
    const seen = found.map((each) => `${each.command} is ${each.version}`).join(", ") || "none is on PATH";
    void vscode.window.showErrorMessage(
      `Flux needs Python ${OLDEST_PYTHON} or later, and ${seen}. Install one, and try again.`,
    );
    return;
  }
  const place = await choosePlace(usable, selected);
  if (place === undefined) {
    return;
  }
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: "Flux: installing flux-ls",
    cancellable: true,
  };
  const problem = await vscode.window.withProgress(options, (progress, cancel) =>
    put(flux, wheel, place, (message) => progress.report({ message }), cancel),
  );
  if (problem === "cancelled") {
    return;
  }
  if (problem !== undefined) {
    const show = "Show Output";
    if ((await vscode.window.showErrorMessage(`Flux: ${problem}`, show)) === show) {
      flux.output.show();
    }
    return;
  }
  await flux.server.restart("flux-ls was installed");
}

/** Once the extension brings another server than the one that it installed, says so. */
export async function offerUpdate(flux: Flux): Promise<void> {
  const life = flux.server.life;
  const bundled = /flux_ls-([^-]+)-/.exec(bundledWheel(flux.context) ?? "")?.[1];
  if (life.kind !== "running" || life.candidate.source !== "installed" || !bundled || bundled === life.version) {
    return;
  }
  const update = "Update";
  const text = `Flux: flux-ls ${life.version} is installed, and this extension comes with ${bundled}.`;
  if ((await vscode.window.showInformationMessage(text, update)) === update) {
    await install(flux);
  }
}

/** The wheel in the extension's folder. */
export function bundledWheel(context: vscode.ExtensionContext): string | undefined {
  const folder = path.join(context.extensionPath, "bundled");
  try {
    const name = fs.readdirSync(folder).find((each) => each.endsWith(".whl"));
    return name === undefined ? undefined : path.join(folder, name);
  } catch {
    return undefined;
  }
}

async function choosePlace(usable: readonly Python[], selected: string | undefined): Promise<Place | undefined> {
  const own = usable[0];
  const there = usable.find((python) => python.command === selected);
  const items = [
    ...(there === undefined
      ? []
      : [
          {
            label: "$(folder) Into the selected interpreter",
            description: there.command,
            detail: "Where the service runs: flux run records it without more ado",
            place: { kind: "interpreter", python: there } as Place,
          },
        ]),
    ...(own === undefined
      ? []
      : [
          {
            label: "$(package) Into a place of its own",
            description: `Python ${own.version}`,
            detail: "An environment that belongs to this extension; nothing of yours changes",
            place: { kind: "own", python: own } as Place,
          },
        ]),
  ];
  const title = "Install the language server flux-ls, with what it depends on";
  return (await vscode.window.showQuickPick(items, { title, placeHolder: "Where?" }))?.place;
}

async function put(
  flux: Flux,
  wheel: string,
  place: Place,
  report: (message: string) => void,
  cancel: vscode.CancellationToken,
): Promise<string | undefined> {
  const log = (text: string): void => flux.output.info(text);
  let python = place.python.command;
  if (place.kind === "own") {
    const folder = installedIn(flux.context);
    report("making an environment");
    // The one that was there may be of a Python that is gone.
    await flux.server.stop();
    await fs.promises.rm(folder, { recursive: true, force: true });
    const made = await run(python, ["-m", "venv", folder], cancel, log);
    if (made !== 0) {
      return made === "cancelled" ? made : `${python} cannot make an environment. On Debian: apt install python3-venv`;
    }
    python = interpreterOf(folder, process.platform);
  }
  report("downloading and installing");
  // The recorder is of use where the service runs, and nowhere else.
  const what = place.kind === "interpreter" ? `${wheel}[record]` : wheel;
  const words = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--upgrade", what];
  const done = await run(python, words, cancel, log);
  return done === 0 || done === "cancelled" ? done || undefined : `pip could not install it into ${python}.`;
}

/** The exit status; what is printed goes to the log. */
function run(
  command: string,
  args: readonly string[],
  cancel: vscode.CancellationToken,
  log: (text: string) => void,
): Promise<number | "cancelled"> {
  return new Promise((resolve) => {
    log([command, ...args].join(" "));
    const child: ChildProcess = spawn(command, [...args], { windowsHide: true });
    const stopping = cancel.onCancellationRequested(() => child.kill());
    const end = (status: number | "cancelled"): void => {
      stopping.dispose();
      resolve(cancel.isCancellationRequested ? "cancelled" : status);
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => log(data.toString().trimEnd()));
    }
    child.on("error", (error) => {
      log(String(error));
      end(-1);
    });
    child.on("close", (code) => end(code ?? -1));
  });
}
