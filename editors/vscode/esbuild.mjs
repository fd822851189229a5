// Bundles the extension and the pages of its panels: `node esbuild.mjs [--minify] [--watch]`.

import { context } from "esbuild";

const wanted = new Set(process.argv.slice(2));
const common = {
  bundle: true,
  minify: wanted.has("--minify"),
  sourcemap: wanted.has("--minify") ? false : "linked",
  logLevel: "warning",
};
const bundles = await Promise.all([
  context({
    ...common,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
  }),
  context({
    ...common,
    entryPoints: ["request", "compare", "text"].flatMap((name) => [
      `src/webview/${name}.ts`,
      `src/webview/${name}.css`,
    ]),
    outdir: "dist/webview",
    platform: "browser",
    target: "es2022",
    format: "iife",
  }),
]);
for (const bundle of bundles) {
  if (wanted.has("--watch")) {
    await bundle.watch();
  } else {
    await bundle.rebuild();
    await bundle.dispose();
  }
}
