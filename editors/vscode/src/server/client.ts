// One language client: what it is told at the start, which documents are its concern, and what we do with what it says.

import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  type ErrorHandler,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  type MessageSignature,
  RevealOutputChannelOn,
  ShowMessageNotification,
  type StaticFeature,
} from "vscode-languageclient/node";
import { CAPABILITY, read } from "../answer";
import { withRequest } from "../codes";
import { linked } from "../hover";
import { TRUST } from "../messages";
import { serverSettings } from "../settings";
import type { Candidate } from "./candidates";

const LANGUAGES = ["python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "java"];

/** What a client asks of those who own it. */
export interface Owner {
  readonly output: vscode.LogOutputChannel;
  /** A lens, a hover or a code action named one of the server's commands. */
  run(command: string, given: unknown, pass: () => Thenable<unknown>): Thenable<unknown>;
  /** The server asks for one of its documents to be shown. */
  show(address: string): Thenable<void>;
  /** One of them is read as a text. */
  textOf(uri: vscode.Uri, token: vscode.CancellationToken): Thenable<string>;
  published(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): void;
  /** The server has something to say that is not the answer to a question. */
  say(text: string): void;
  /** The server ended without having been asked to. */
  ended(): void;
}

/** `interpreter` is the user's own, which the server runs the user's code with. */
export function makeClient(server: Candidate, interpreter: string | undefined, owner: Owner): LanguageClient {
  const options: LanguageClientOptions = {
    documentSelector: LANGUAGES.flatMap((language) => [
      { scheme: "file", language },
      { scheme: "untitled", language },
      { scheme: "vscode-notebook-cell", language },
    ]),
    diagnosticCollectionName: "flux",
    outputChannel: owner.output,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: () => ({ ...serverSettings(), workspaceTrusted: vscode.workspace.isTrusted }),
    initializationFailedHandler: () => false,
    progressOnInitialization: false,
    errorHandler: endings(owner),
    // Of a hover, nothing may run but what `linked` puts in.
    markdown: { isTrusted: false, supportHtml: false },
    middleware: {
      // Whoever asks for it, each answer of a command comes through here.
      sendRequest: async <P, R>(
        type: string | MessageSignature,
        params: P | undefined,
        token: vscode.CancellationToken | undefined,
        next: (type: string | MessageSignature, params?: P, token?: vscode.CancellationToken) => Promise<R>,
      ): Promise<R> => {
        const answer = await next(type, params, token);
        const method = typeof type === "string" ? type : type.method;
        return method === ExecuteCommandRequest.method ? (read(answer) as R) : answer;
      },
      workspace: {
        // With another folder, nothing may run until it is said again.
        didChangeWorkspaceFolders: async (event, next) => {
          await next(event);
          await client.sendNotification(TRUST, { trusted: vscode.workspace.isTrusted });
        },
        configuration: (params) =>
          params.items.map((item) => serverSettings(item.scopeUri ? vscode.Uri.parse(item.scopeUri) : undefined)),
      },
      window: {
        showDocument: async (params, token, next) => {
          if (!params.uri.startsWith("flux:")) {
            return next(params, token);
          }
          await owner.show(params.uri);
          return { success: true };
        },
      },
      executeCommand: (command, args, next) => owner.run(command, args[0], () => Promise.resolve(next(command, args))),
      provideTextDocumentContent: (uri, token) => owner.textOf(uri, token),
      provideHover: async (document, position, token, next) => linked(await next(document, position, token)),
      handleDiagnostics: (uri, diagnostics, next) => {
        next(uri, diagnostics.map(withRequest));
        owner.published(uri, diagnostics);
      },
    },
  };
  const executable = { command: server.command, args: [...server.args], options: { env: environment(interpreter) } };
  const client = new LanguageClient("flux", "Flux", executable, options);
  client.registerFeature(answersInText());
  client.onNotification(ShowMessageNotification.type, ({ message }) => owner.say(message));
  return client;
}

/** Has the data of commands sent as JSON text: what the protocol's own messages hold is read into doubles. */
function answersInText(): StaticFeature {
  return {
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...capabilities.experimental, ...CAPABILITY };
    },
    initialize: () => {},
    getState: () => ({ kind: "static" }),
    clear: () => {},
  };
}

/** As in a terminal where the interpreter's environment is active: what the project itself names comes before it. */
function environment(interpreter: string | undefined): NodeJS.ProcessEnv {
  const folder = interpreter === undefined ? undefined : path.dirname(path.dirname(interpreter));
  const active = folder !== undefined && fs.existsSync(path.join(folder, "pyvenv.cfg"));
  return active ? { ...process.env, VIRTUAL_ENV: folder } : process.env;
}

/** The client's own way would start it again five times in a row and then show an error; ours is in `lifecycle`. */
function endings(owner: Owner): ErrorHandler {
  return {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: () => {
      owner.ended();
      return { action: CloseAction.DoNotRestart, handled: true };
    },
  };
}
