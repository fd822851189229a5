// The words of a problem, where its code stands beside them.

/** Without the id that the code is already. */
export function withoutCode(message: string, code: string): string {
  return message.replace(` · req:${code}`, "");
}
