// Bundles the extension: `node esbuild.mjs [--minify] [--watch]`.

import { context } from "esbuild";

const wanted = new Set(process.argv.slice(2));
const bundle = await context({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["vscode"],
  minify: wanted.has("--minify"),
  sourcemap: wanted.has("--minify") ? false : "linked",
  logLevel: "warning",
});
if (wanted.has("--watch")) {
  await bundle.watch();
} else {
  await bundle.rebuild();
  await bundle.dispose();
}
