// The interpreter that is selected in the editor, as the Python extension tells it. Works without that extension.

import * as vscode from "vscode";

const PYTHON = "ms-python.python";

export function hasPythonExtension(): boolean {
  return vscode.extensions.getExtension(PYTHON) !== undefined;
}

/** What we use of the Python extension's API. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

export class Interpreters implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Another interpreter was selected, or the extension that tells of them came or went. */
  readonly onChange = this.changed.event;
  private readonly listening: vscode.Disposable[] = [this.changed];
  private api: PythonApi | undefined;

  constructor(private readonly output: vscode.LogOutputChannel) {
    this.listening.push(
      vscode.extensions.onDidChange(() => {
        if (hasPythonExtension() !== (this.api !== undefined)) {
          this.api = undefined;
          this.changed.fire();
        }
      }),
    );
  }

  /** Where the executable is; nothing without the Python extension, or when none is selected. */
  async selected(resource = vscode.workspace.workspaceFolders?.[0]?.uri): Promise<string | undefined> {
    try {
      const environments = (await this.connect())?.environments;
      if (environments === undefined) {
        return undefined;
      }
      const environment = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(resource));
      return environment?.executable.uri?.fsPath;
    } catch (error) {
      this.output.warn(`the Python extension did not tell the selected interpreter: ${String(error)}`);
      return undefined;
    }
  }

  private async connect(): Promise<PythonApi | undefined> {
    if (this.api === undefined) {
      const extension = vscode.extensions.getExtension<PythonApi>(PYTHON);
      const api = extension === undefined ? undefined : await extension.activate();
      if (api?.environments !== undefined) {
        this.api = api;
        this.listening.push(api.environments.onDidChangeActiveEnvironmentPath(() => this.changed.fire()));
      }
    }
    return this.api;
  }

  dispose(): void {
    for (const each of this.listening) {
      each.dispose();
    }
  }
}
