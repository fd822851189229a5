// Places on pages as links: what the server says leads to the code, and nothing that only looks so.

import { describe, expect, test } from "vitest";
import { placeAt, withPlaces } from "../src/places";
import { withoutCode } from "../src/problemText";

const PAGE = "# Why\n\n🙂 `shop/app.py:12` in `f`, then `shop/b.py:7`\n```\n`shop/app.py:12`\n```";

function link(line: number, character: number, length: number, target: string | undefined) {
  const range = { start: { line, character }, end: { line, character: character + length } };
  return target === undefined ? { range } : { range, target };
}

describe("a page", () => {
  test("has the places that the server named as links of its own", () => {
    const links = [
      link(2, 4, 14, "file:///work/shop/app.py#L12"),
      link(2, 34, 11, "file:///work/shop/b.py#L7"),
      link(4, 1, 14, "file:///work/x.py#L3"),
    ];
    expect(withPlaces(PAGE, links)).toEqual({
      text: PAGE.replace("`shop/b.py:7`", "[`shop/b.py:7`](#flux-place-0)").replace(
        "🙂 `shop/app.py:12`",
        "🙂 [`shop/app.py:12`](#flux-place-1)",
      ),
      targets: [
        { uri: "file:///work/shop/b.py", line: 6 },
        { uri: "file:///work/shop/app.py", line: 11 },
      ],
    });
  });

  test.each([
    ["another scheme", link(2, 4, 14, "command:workbench.action.closeWindow")],
    ["a place of another text", link(2, 5, 14, "file:///work/shop/app.py#L12")],
    ["another line", link(2, 4, 14, "file:///work/shop/app.py#L1")],
    ["no line", link(2, 4, 14, "file:///work/shop/app.py")],
    ["nothing", link(2, 4, 14, undefined)],
    ["beyond the page", link(99, 4, 14, "file:///work/shop/app.py#L12")],
    [
      "two lines",
      {
        ...link(2, 4, 14, "file:///a#L12"),
        range: { start: { line: 2, character: 4 }, end: { line: 3, character: 18 } },
      },
    ],
  ])("has no link to %s", (_, made) => {
    expect(withPlaces(PAGE, [made])).toEqual({ text: PAGE, targets: [] });
  });

  test.each([
    ["#flux-place-12", 12],
    ["#flux-place-", undefined],
    ["#flux-place-1e3", undefined],
    ["#other", undefined],
    ["command:flux.openPage", undefined],
    [null, undefined],
  ])("knows of a link %s which place it is", (href, at) => {
    expect(placeAt(href)).toBe(at);
  });
});

test("a problem has the id once, which its code is", () => {
  const message = "KeyError: 'req:550e8400' · 3 failures · last 12:03 · req:550e8400 · unverified since your edit";
  expect(withoutCode(message, "550e8400")).toBe(
    "KeyError: 'req:550e8400' · 3 failures · last 12:03 · unverified since your edit",
  );
  const commit = "first bad commit 1a2b3c · Ada · req:550e8400";
  expect(withoutCode(commit, "1a2b3c")).toBe(commit);
});
