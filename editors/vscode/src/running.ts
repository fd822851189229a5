// Commands that take as long as the user's code does, or a model: with their progress in a notification that can cancel them.

import * as vscode from "vscode";
import { type LanguageClient, WorkDoneProgress, WorkDoneProgressCancelNotification } from "vscode-languageclient/node";
import type { Parameters } from "./flux";
import type { Answer, CommandName } from "./messages";

const TITLES: Partial<Record<CommandName, string>> = {
  replay: "Flux: running it again",
  bisect: "Flux: looking for the commit that broke it",
  explain: "Flux: asking the model",
};

let started = 0;

export function withProgress<T>(
  client: LanguageClient,
  name: CommandName,
  parameters: Parameters,
): Thenable<T & Answer> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: TITLES[name] ?? `Flux: ${name}`,
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (progress, cancel) => {
    started += 1;
    const workDoneToken = `flux-vscode-${process.pid}-${started}`;
    let percentage = 0;
    const listening = [
      client.onProgress(WorkDoneProgress.type, workDoneToken, (told) => {
        if (told.kind === "report") {
          const increment = Math.max((told.percentage ?? percentage) - percentage, 0);
          percentage += increment;
          progress.report({ increment, ...(told.message === undefined ? {} : { message: told.message }) });
        }
      }),
      cancel.onCancellationRequested(() => {
        void client.sendNotification(WorkDoneProgressCancelNotification.type, { token: workDoneToken });
      }),
    ];
    try {
      const asked = { command: `flux.server.${name}`, arguments: [parameters], workDoneToken };
      return await client.sendRequest<T & Answer>("workspace/executeCommand", asked);
    } finally {
      vscode.Disposable.from(...listening).dispose();
    }
  });
}
