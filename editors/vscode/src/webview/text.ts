// A page to read: its places lead to the code. Keeps how far it was read, while it is hidden and over a reload.

import { placeAt } from "../places";
import type { FromTextPage } from "../views/talk";
import { host } from "./host";

const editor = host<never, FromTextPage, { readonly top: number }>();

window.scrollTo(0, editor.kept()?.top ?? 0);
window.addEventListener("scroll", () => editor.keep({ top: window.scrollY }), { passive: true });

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
