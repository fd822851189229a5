// The row of links below a hover, told apart from what was recorded, and made into commands of ours.

/** The one command that a hover may name. */
export const OPEN_PAGE = "flux.openPage";

const LINKS = /^\[[a-z ]+\]\(flux:\/\/[^\s()]+\)(?: · \[[a-z ]+\]\(flux:\/\/[^\s()]+\))*$/;
const LINK = /\[([a-z ]+)\]\((flux:\/\/[^\s()]+)\)/g;
const FENCE = /^(`{3,})(.*)$/;

/**
 * Only a line that is nothing but such links, outside of every block of code, is the server's own: what was recorded
 * stands in code always.
 */
export function withCommands(markdown: string): string {
  let fence: string | undefined;
  return markdown
    .split("\n")
    .map((line) => {
      const [, ticks, rest] = FENCE.exec(line) ?? [];
      if (ticks !== undefined && (fence === undefined || (ticks.length >= fence.length && rest?.trim() === ""))) {
        fence = fence === undefined ? ticks : undefined;
        return line;
      }
      return fence === undefined && LINKS.test(line) ? line.replace(LINK, (_, name, uri) => command(name, uri)) : line;
    })
    .join("\n");
}

function command(name: string, uri: string): string {
  return `[${name}](command:${OPEN_PAGE}?${encodeURIComponent(JSON.stringify([uri]))})`;
}
