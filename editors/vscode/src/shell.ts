// Words as the shell of a terminal reads them back.

/** A program and its first words, to be typed at the start of a line. */
export function asTyped(program: readonly string[], shell: string): string {
  const line = program.map((word) => quoted(word, shell)).join(" ");
  // PowerShell takes a quoted word at the start for a text, unless it is told to call it.
  return isPowerShell(shell) && line.startsWith("'") ? `& ${line}` : line;
}

function isPowerShell(shell: string): boolean {
  return /^(pwsh|powershell)/.test(shell);
}

function quoted(word: string, shell: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) {
    return word;
  }
  if (/^cmd/.test(shell)) {
    return `"${word}"`;
  }
  return `'${word.replace(/'/g, isPowerShell(shell) ? "''" : "'\\''")}'`;
}
