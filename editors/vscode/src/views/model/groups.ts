// The issue groups as people look for them: what fails first, then what was handled, mended and dismissed.

import type { FrameShape, GroupShape, GroupState } from "../../messages";
import { ago } from "../../requests";
import { firstLine, plain } from "./plain";
import { counted } from "./words";

export interface Section {
  readonly state: GroupState;
  readonly title: string;
  readonly groups: readonly GroupShape[];
}

const TITLES: readonly (readonly [GroupState, string])[] = [
  ["failing", "Failing"],
  ["handled", "Handled"],
  ["resolved", "Resolved"],
  ["dismissed", "Dismissed"],
];

/** Those that there are, each with the latest group first. */
export function sections(groups: readonly GroupShape[]): Section[] {
  return TITLES.flatMap(([state, title]) => {
    const of = groups.filter((group) => group.state === state);
    of.sort((one, other) => (one.last_seen < other.last_seen ? 1 : one.last_seen > other.last_seen ? -1 : 0));
    return of.length === 0 ? [] : [{ state, title, groups: of }];
  });
}

/** A group by itself: what fails in a way and what was handled in that way are two. */
export function groupId(group: GroupShape): string {
  return `${group.handled ? "handled" : "failing"}:${group.fingerprint}`;
}

/** `KeyError: 'plan'`. */
export function groupTitle(group: GroupShape): string {
  const message = firstLine(group.message);
  return message === "" ? plain(group.type) : `${plain(group.type)}: ${message}`;
}

/** What stands behind it: `12 times · 3 min ago · shop/payments.py:13`. */
export function groupFacts(group: GroupShape, nowMs: number): string {
  const parts = [counted(group.count, "time"), ago(group.last_seen, nowMs)];
  if (group.resolved_by !== null) {
    const status = group.resolved_by.status;
    parts.unshift(`fixed: req:${group.resolved_by.request_id.slice(0, 8)}${status === null ? "" : ` ${status}`}`);
  }
  parts.push(group.location === null ? "no location" : placeWords(group.location));
  return parts.join(" · ");
}

/** `shop/payments.py:13`, or what was recorded where it is not in today's code. */
export function placeWords(frame: FrameShape): string {
  const placed = frame.anchor !== "gone" && frame.anchor !== "unmapped";
  return plain(placed ? `${frame.path}:${frame.line}` : `${frame.recorded_path}:${frame.recorded_line}`);
}

/** What to know about how the recorded place and today's code fit together; empty when they are the same. */
export function anchorWords(frame: FrameShape): string {
  const recorded = `${frame.recorded_path} line ${frame.recorded_line}`;
  const because = frame.reason === null ? "" : `: ${frame.reason}`;
  switch (frame.anchor) {
    case "exact":
      return "";
    case "moved":
      return plain(`moved since it was recorded as ${recorded}`);
    case "edited":
      return plain(`unverified: the code was edited since; recorded as ${recorded}`);
    case "gone":
      return plain(`gone from today's code${because}; recorded as ${recorded}`);
    case "unmapped":
      return plain(`not found in this workspace${because}`);
  }
}
