// Times and counts, as people say them, besides those of `requests`.

/** The time of day on this machine, with the date in front of it when that is another day. */
export function clock(timestamp: string, nowMs: number): string {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) {
    return timestamp;
  }
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(pad).join(":");
  if (at.toDateString() === new Date(nowMs).toDateString()) {
    return time;
  }
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`;
}

/** `1 failure`, `2 failures`, `12,345 failures`. */
export function counted(count: number, one: string): string {
  return `${count.toLocaleString("en-US")} ${one}${count === 1 ? "" : "s"}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
