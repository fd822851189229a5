// Formats every Lua file of the plugin by stylua.toml; with --check, lists those that are not and fails.
const { readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join, relative } = require("node:path");
const stylua = require("@johnnymorganz/stylua/stylua_lib_node.cjs");

const root = __dirname;
const folders = ["ftplugin", "lsp", "lua", "plugin", "syntax"];
const check = process.argv.includes("--check");

function setting(name) {
  const found = new RegExp(`^${name}\\s*=\\s*"?([^"\\n]+)"?`, "m").exec(readFileSync(join(root, "stylua.toml"), "utf8"));
  if (!found) throw new Error(`stylua.toml has no ${name}`);
  return found[1].trim();
}

function configuration() {
  const config = stylua.Config.new();
  config.column_width = Number(setting("column_width"));
  config.indent_width = Number(setting("indent_width"));
  config.indent_type = stylua.IndentType[setting("indent_type")];
  config.line_endings = stylua.LineEndings[setting("line_endings")];
  config.quote_style = stylua.QuoteStyle[setting("quote_style")];
  config.call_parentheses = stylua.CallParenType[setting("call_parentheses")];
  return config;
}

function luaFiles(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? luaFiles(path) : path.endsWith(".lua") ? [path] : [];
    });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

let wrong = 0;
for (const path of folders.flatMap((folder) => luaFiles(join(root, folder)))) {
  const before = readFileSync(path, "utf8");
  const after = stylua.formatCode(before, configuration(), undefined, stylua.OutputVerification.Full);
  if (after === before) continue;
  wrong += 1;
  if (check) console.error(`${relative(root, path)} is not formatted: npm run format`);
  else writeFileSync(path, after);
}
if (check && wrong > 0) process.exit(1);
