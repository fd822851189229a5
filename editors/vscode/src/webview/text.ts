// A page to read: its places lead to the code. Keeps how far it was read, while it is hidden and over a reload.

import { placeAt } from "../places";
import type { FromTextPage } from "../views/talk";
import { host } from "./host";

const editor = host<never, FromTextPage, { readonly top: number }>();

function keep(): void {
  editor.keep({ top: window.scrollY });
}

const kept = editor.kept();
if (kept === undefined) {
  // Whoever has begun to read before this runs is not taken back.
  keep();
} else {
  window.scrollTo(0, kept.top);
}
window.addEventListener("scroll", keep, { passive: true });

// Before the editor's own listener, which would look for the link's end on this page.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const at = placeAt(link?.getAttribute("href") ?? null);
    if (at !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      editor.say({ kind: "place", at });
    }
  },
  { capture: true },
);
