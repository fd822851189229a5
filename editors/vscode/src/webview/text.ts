// A page to read: keeps how far it was read, while it is hidden and over a reload.

import { host } from "./host";

const editor = host<never, never, { readonly top: number }>();

window.scrollTo(0, editor.kept()?.top ?? 0);
window.addEventListener("scroll", () => editor.keep({ top: window.scrollY }), { passive: true });
