// The life of the server: found, started, started again when it ended, and never twice at a time.

import * as vscode from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";
import { affects } from "../settings";
import { Backoff } from "./backoff";
import type { Candidate } from "./candidates";
import { makeClient, type Owner } from "./client";
import { type Found, findServer } from "./finding";
import { Interpreters } from "./interpreters";
import { nothingFound, type Problem } from "./problem";

export type Life =
  | { readonly kind: "starting" }
  | {
      readonly kind: "running";
      readonly version: string;
      readonly candidate: Candidate;
      readonly interpreter: string | undefined;
    }
  | { readonly kind: "restarting"; readonly inMs: number }
  | { readonly kind: "failed"; readonly problem: Problem }
  | { readonly kind: "stopped" };

const START_MS = 30_000;
const STOP_MS = 4000;

export class Lifecycle implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Life>();
  readonly onChange = this.changed.event;
  private readonly started = new vscode.EventEmitter<LanguageClient>();
  readonly onStart = this.started.event;
  private readonly stopped = new vscode.EventEmitter<void>();
  readonly onStop = this.stopped.event;

  life: Life = { kind: "stopped" };
  client: LanguageClient | undefined;

  readonly interpreters: Interpreters;
  private readonly backoff = new Backoff();
  private readonly listening: vscode.Disposable[];
  private queue: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private runningSince = 0;
  private disposed = false;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly owner: Omit<Owner, "ended">,
  ) {
    this.interpreters = new Interpreters(owner.output);
    this.listening = [
      this.interpreters,
      this.interpreters.onChange(() => void this.lookAgain("another interpreter was selected")),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (affects(event, "server")) {
          void this.restart("the setting flux.server.path has changed");
        }
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.lookAgain("the workspace is trusted now")),
    ];
  }

  start(): Promise<void> {
    return this.inTurn(() => this.begin());
  }

  restart(why: string): Promise<void> {
    this.owner.output.info(`restart: ${why}`);
    this.backoff.reset();
    return this.inTurn(async () => {
      await this.end();
      await this.begin();
    });
  }

  /** Ends the server; another start is somebody else's to ask for. */
  stop(): Promise<void> {
    return this.inTurn(() => this.end());
  }

  /** Starts anew if another server would be found now than the one that runs. */
  private lookAgain(why: string): Promise<void> {
    return this.inTurn(async () => {
      const found = await findServer(this.context, this.interpreters);
      if (this.differs(found)) {
        this.owner.output.info(`restart: ${why}`);
        await this.end();
        await this.begin(found);
      }
    });
  }

  private differs(found: Found): boolean {
    if (this.life.kind !== "running") {
      return true;
    }
    const { candidate, interpreter } = this.life;
    // What runs is better than nothing.
    return (
      found.kind === "server" && (found.candidate.command !== candidate.command || found.interpreter !== interpreter)
    );
  }

  /** One thing after the other: a start that is under way is finished before the next one is thought of. */
  private inTurn(step: () => Promise<void>): Promise<void> {
    clearTimeout(this.timer);
    this.queue = this.queue.then(step).catch((error: unknown) => {
      this.owner.output.error(`starting the server: ${String(error)}`);
    });
    return this.queue;
  }

  private async begin(known?: Found): Promise<void> {
    if (this.disposed || this.client !== undefined) {
      return;
    }
    this.become({ kind: "starting" });
    const found = known ?? (await findServer(this.context, this.interpreters));
    if (found.kind === "none") {
      this.become({ kind: "failed", problem: nothingFound(found.tried, found.interpreter) });
      return;
    }
    const { candidate, version, interpreter } = found;
    this.owner.output.info(`starting ${[candidate.command, ...candidate.args].join(" ")} (flux-ls ${version})`);
    const client = makeClient(candidate, interpreter, { ...this.owner, ended: () => this.crashed(client) });
    this.client = client;
    this.runningSince = Date.now();
    // One that says nothing at all would keep everybody waiting for ever.
    const patience = setTimeout(() => client.serverProcess?.kill("SIGKILL"), START_MS);
    try {
      await client.start();
    } catch (error) {
      if (this.client === client) {
        this.owner.output.error(`the server did not start: ${String(error)}`);
        this.crashed(client);
      }
      return;
    } finally {
      clearTimeout(patience);
    }
    if (this.client === client) {
      this.become({ kind: "running", version, candidate, interpreter });
      this.started.fire(client);
    }
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client === undefined) {
      return;
    }
    this.stopped.fire();
    try {
      if (client.state === State.Running || client.state === State.Starting) {
        await client.stop(STOP_MS);
      }
      await client.dispose();
    } catch (error) {
      this.owner.output.warn(`stopping the server: ${String(error)}`);
    }
    this.become({ kind: "stopped" });
  }

  private crashed(client: LanguageClient): void {
    if (this.client !== client || this.disposed) {
      return;
    }
    this.client = undefined;
    this.stopped.fire();
    const next = this.backoff.crashed(Date.now() - this.runningSince);
    if (next.kind === "give-up") {
      this.become({
        kind: "failed",
        problem: { text: "The server ended again and again.", mends: ["restart", "output"] },
      });
      return;
    }
    this.owner.output.warn(`the server ended; it is started again in ${next.inMs} ms`);
    this.become({ kind: "restarting", inMs: next.inMs });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.start(), next.inMs);
  }

  private become(life: Life): void {
    this.life = life;
    this.changed.fire(life);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.timer);
    for (const each of this.listening) {
      each.dispose();
    }
    await this.inTurn(() => this.end());
    for (const each of [this.changed, this.started, this.stopped]) {
      each.dispose();
    }
  }
}
