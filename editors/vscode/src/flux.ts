// The context that every part is given: the server that runs, what it last said, how it is asked, how answers are shown.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { askedBy } from "./addresses";
import { offer, show as showTelling } from "./asking";
import { type Answer, type CommandName, STATUS, type Status } from "./messages";
import { Pages } from "./pages";
import { withProgress } from "./running";
import { type Life, Lifecycle } from "./server/lifecycle";

/** Named parameters of one of the server's commands. */
export type Parameters = Readonly<Record<string, unknown>>;
/** Shows the answer of a command in a way of its own. */
export type Presenter = (parameters: Parameters) => Thenable<void> | void;

const READY_MS = 20_000;
/** What takes as long as the user's code does. */
const RUN_CODE: readonly CommandName[] = ["replay", "bisect"];

export class Flux implements vscode.Disposable {
  private readonly statusChanged = new vscode.EventEmitter<Status | undefined>();
  /** The server said how things are; nothing, when there is no server any more. */
  readonly onStatus = this.statusChanged.event;
  private readonly publishedChanged = new vscode.EventEmitter<vscode.Uri>();
  /** The server published what a document has to say. */
  readonly onDiagnostics = this.publishedChanged.event;
  /** A server is ready: at the start, and each time after it ended. What was subscribed to is to be asked for again. */
  readonly onServerStart: vscode.Event<LanguageClient>;
  readonly onServerStop: vscode.Event<void>;
  readonly onLife: vscode.Event<Life>;

  /** By uri, as the server published them: with the data that VS Code keeps to itself. */
  readonly diagnostics = new Map<string, readonly vscode.Diagnostic[]>();
  /** What shows the answers of some commands; those without one are shown as a page. */
  readonly presenters = new Map<CommandName, Presenter>();
  readonly pages: Pages;
  readonly server: Lifecycle;
  status: Status | undefined;

  constructor(
    readonly context: vscode.ExtensionContext,
    readonly output: vscode.LogOutputChannel,
  ) {
    this.pages = new Pages(this);
    this.server = new Lifecycle(context, {
      output,
      run: (command, given, pass) => this.run(command, given, pass),
      show: (address) => this.open(address),
      textOf: (uri, token) => this.pages.textOf(uri, token),
      published: (uri, diagnostics) => this.published(uri, diagnostics),
      say: (text) => void offer(this, text, this.status?.broken ? ["doctor", "settings"] : ["output"]),
    });
    this.onServerStart = this.server.onStart;
    this.onServerStop = this.server.onStop;
    this.onLife = this.server.onChange;
    this.server.onStart((client) => this.greet(client));
    this.server.onStop(() => this.forget());
  }

  /** The client of the server that runs. */
  get client(): LanguageClient | undefined {
    return this.server.life.kind === "running" ? this.server.client : undefined;
  }

  /** The same, as soon as there is one. */
  async ready(): Promise<LanguageClient> {
    if (this.client !== undefined) {
      return this.client;
    }
    if (this.server.life.kind === "failed") {
      throw new Error(this.server.life.problem.text);
    }
    return new Promise((resolve, reject) => {
      const done: vscode.Disposable[] = [];
      const end = (settle: () => void) => {
        clearTimeout(timer);
        vscode.Disposable.from(...done).dispose();
        settle();
      };
      const timer = setTimeout(() => end(() => reject(new Error("the server did not start in time"))), READY_MS);
      done.push(
        this.onServerStart((client) => end(() => resolve(client))),
        this.onLife((life) => {
          if (life.kind === "failed") {
            end(() => reject(new Error(life.problem.text)));
          }
        }),
      );
    });
  }

  /** The answer of one of the server's commands; rejects as the server does. */
  async execute<T = unknown>(
    name: CommandName,
    parameters: Parameters = {},
    token?: vscode.CancellationToken,
  ): Promise<T & Answer> {
    const client = await this.ready();
    const asked = { command: `flux.server.${name}`, arguments: [parameters] };
    // The client takes whatever stands behind the parameters for more of them, unless it is a token.
    return token === undefined
      ? client.sendRequest<T & Answer>("workspace/executeCommand", asked)
      : client.sendRequest<T & Answer>("workspace/executeCommand", asked, token);
  }

  /** Shows the answer of a command, in its own way or as a page. */
  async show(name: CommandName, parameters: Parameters = {}): Promise<void> {
    const presenter = this.presenters.get(name);
    if (presenter !== undefined) {
      await presenter(parameters);
      return;
    }
    const runs = RUN_CODE.includes(name) && parameters.latest !== true;
    const answer = runs
      ? await withProgress(await this.ready(), name, parameters)
      : await this.execute(name, parameters);
    await this.pages.show(answer.uri);
  }

  /** Opens a document of the server's: what it is the answer of is shown in its own way, where there is one. */
  async open(address: string): Promise<void> {
    const asked = askedBy(address);
    const presenter = asked && this.presenters.get(asked.name);
    if (asked === undefined || presenter === undefined) {
      await this.pages.show(address);
      return;
    }
    const { name, ...parameters } = asked;
    // To open what a run came to must not run it again.
    await presenter(RUN_CODE.includes(name) ? { ...parameters, latest: true } : parameters);
  }

  /** A command of the server, named by a lens, a hover or a code action. */
  private async run(command: string, given: unknown, pass: () => Thenable<unknown>): Promise<unknown> {
    const { show, ...parameters } = (given ?? {}) as Record<string, unknown>;
    const name = command.replace("flux.server.", "") as CommandName;
    if (show !== true || name === "writeTest") {
      return pass();
    }
    return showTelling(this, name, parameters);
  }

  private greet(client: LanguageClient): void {
    client.onNotification(STATUS, (status: Status) => this.tell(status));
    client.sendRequest<Status>(STATUS).then(
      (status) => this.tell(status),
      (error: unknown) => this.output.warn(`${STATUS}: ${String(error)}`),
    );
  }

  private tell(status: Status): void {
    this.status = status;
    this.statusChanged.fire(status);
  }

  private published(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): void {
    if (diagnostics.length > 0) {
      this.diagnostics.set(uri.toString(), diagnostics);
    } else {
      this.diagnostics.delete(uri.toString());
    }
    this.publishedChanged.fire(uri);
  }

  private forget(): void {
    this.status = undefined;
    this.statusChanged.fire(undefined);
    const had = [...this.diagnostics.keys()];
    this.diagnostics.clear();
    for (const uri of had) {
      this.publishedChanged.fire(vscode.Uri.parse(uri));
    }
  }

  dispose(): void {
    this.pages.dispose();
    this.statusChanged.dispose();
    this.publishedChanged.dispose();
  }
}
