// The addresses of the server's documents: what is written is read again, and nothing else is taken for one.

import { describe, expect, test } from "vitest";
import { addressOf, askedBy } from "../src/addresses";

const ID = "550e8400e29b41d4a716446655440000";

describe("an address", () => {
  test.each([
    [{ name: "why", id: ID }, `flux://request/${ID}/why`],
    [{ name: "diff", id: ID, other: "77" }, `flux://request/${ID}/diff?other=77`],
    [{ name: "debug", id: "own/id?🙂" }, "flux://request/own%2Fid%3F%F0%9F%99%82/debug"],
    [{ name: "diff", id: "a&b", other: "c&d=e" }, "flux://request/a%26b/diff?other=c%26d%3De"],
  ] as const)("%o", (asked, address) => {
    expect(addressOf(asked)).toBe(address);
    expect(askedBy(address)).toEqual(asked);
  });

  test.each([
    "flux://errors",
    "flux://replay?ids=1%2C2",
    `flux://request/${ID}/bisect?good=v1`,
    `flux://request/${ID}/diff?other=1&more=2`,
    `flux://request/${ID}`,
    `flux://request/${ID}/`,
    `flux://request/${ID}/why/more`,
    "flux://request/%E0%A4%A/why",
    `file://request/${ID}/why`,
    `command:flux.openPage?flux://request/${ID}/why`,
    "",
  ])("of something else: %s", (address) => {
    expect(askedBy(address)).toBeUndefined();
  });
});
