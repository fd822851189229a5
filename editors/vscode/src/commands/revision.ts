// The box that a good revision is typed into, with how the search goes behind a button of its title.

import * as vscode from "vscode";
import { inWords, type Manner, PLAIN, wrongJobs } from "../manner";
import { wrongRevision } from "../typed";

const CHOICES = {
  fresh: { label: "Begin anew", description: "also where the same search was stopped, and would go on" },
  firstParent: { label: "First parents only", description: "of merges: whole branches count as one commit" },
  jobs: { label: "Several revisions at once…", description: "each in a folder of its own" },
} as const;

export interface Revision {
  /** Empty where the store is to know one. */
  readonly good: string;
  readonly manner: Manner;
}

/** What was typed and chosen; nothing when the user thinks better of it. */
export async function chooseRevision(needed: boolean, first: Manner): Promise<Revision | undefined> {
  let manner = first;
  let text = "";
  for (;;) {
    const answer = await typedRevision(needed, text, manner);
    if (answer === undefined) {
      return undefined;
    }
    if (!answer.asksHow) {
      return { good: answer.text.trim(), manner };
    }
    text = answer.text;
    manner = (await chooseManner(manner)) ?? manner;
  }
}

interface Typed {
  readonly text: string;
  /** Whether the button was pressed. */
  readonly asksHow: boolean;
}

function typedRevision(needed: boolean, text: string, manner: Manner): Promise<Typed | undefined> {
  const box = vscode.window.createInputBox();
  const usual = needed ? "A tag, a branch or a commit" : "May be left out where the store knows one";
  const unusual = inWords(manner);
  box.title = "A revision that was good";
  box.prompt = unusual === "" ? usual : `${usual} · ${unusual}`;
  box.placeholder = "v1.4";
  box.value = text;
  box.buttons = [{ iconPath: new vscode.ThemeIcon("settings-gear"), tooltip: "How the search goes" }];
  box.onDidChangeValue((typed) => {
    box.validationMessage = typed === "" ? undefined : wrongRevision(typed, needed);
  });
  return new Promise<Typed | undefined>((resolve) => {
    box.onDidTriggerButton(() => resolve({ text: box.value, asksHow: true }));
    box.onDidAccept(() => {
      box.validationMessage = wrongRevision(box.value, needed);
      if (box.validationMessage === undefined) {
        resolve({ text: box.value, asksHow: false });
      }
    });
    box.onDidHide(() => resolve(undefined));
    box.show();
  }).finally(() => box.dispose());
}

async function chooseManner(manner: Manner): Promise<Manner | undefined> {
  const items = [
    { ...CHOICES.fresh, picked: manner.fresh },
    { ...CHOICES.firstParent, picked: manner.firstParent },
    { ...CHOICES.jobs, picked: manner.jobs !== PLAIN.jobs },
  ];
  const picked = await vscode.window.showQuickPick(items, { title: "How the search goes", canPickMany: true });
  if (picked === undefined) {
    return undefined;
  }
  const labels = picked.map(({ label }) => label);
  const jobs = labels.includes(CHOICES.jobs.label) ? await chooseJobs(manner.jobs) : PLAIN.jobs;
  return {
    jobs: jobs ?? manner.jobs,
    fresh: labels.includes(CHOICES.fresh.label),
    firstParent: labels.includes(CHOICES.firstParent.label),
  };
}

async function chooseJobs(now: number): Promise<number | undefined> {
  const typed = await vscode.window.showInputBox({
    title: "How many revisions at once?",
    prompt: "Each run has a folder of its own, and the processors are shared",
    value: String(Math.max(2, now)),
    validateInput: wrongJobs,
  });
  return typed === undefined ? undefined : Number(typed);
}
