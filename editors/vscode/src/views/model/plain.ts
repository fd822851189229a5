// Recorded text made fit to be shown: what would not show is spelled out, and what is too long is cut.

/** Control characters, and those that show nothing or turn the direction of reading. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;
const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line that only shows. */
export function plain(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.charCodeAt(0);
    const spelled =
      code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
    return NAMED[character] ?? spelled;
  });
}

/** The first line of a text, marked when there are more. */
export function firstLine(text: string): string {
  const end = text.search(/[\r\n]/);
  return end < 0 ? plain(text) : plain(text.slice(0, end)) + (/\S/.test(text.slice(end)) ? " …" : "");
}

/** At most so many characters, whole ones, an ellipsis for what is left out. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  let end = Math.max(limit - 1, 0);
  const before = text.charCodeAt(end - 1);
  if (before >= 0xd800 && before <= 0xdbff) {
    end -= 1;
  }
  return `${text.slice(0, end)}…`;
}

/** Where two long texts begin to differ, with a little of what stands before it; the whole of those that are short. */
export function fromDifference(text: string, other: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  let same = 0;
  while (same < text.length && same < other.length && text.charCodeAt(same) === other.charCodeAt(same)) {
    same += 1;
  }
  let from = same - Math.floor(limit / 3);
  if (from <= 0) {
    return cut(text, limit);
  }
  const first = text.charCodeAt(from);
  if (first >= 0xdc00 && first <= 0xdfff) {
    from -= 1;
  }
  return cut(`…${text.slice(from)}`, limit);
}

/** How many UTF-16 units the first code points of a text are. */
export function units(text: string, codePoints: number): number {
  let count = 0;
  let left = codePoints;
  for (const character of text) {
    if (left <= 0) {
      break;
    }
    count += character.length;
    left -= 1;
  }
  return count;
}
