// A door into the extension host: runs the function body that a test sends, with `vscode` and the Flux that is active.

const { createHash } = require("node:crypto");
const net = require("node:net");
const path = require("node:path");
const vscode = require("vscode");

const AsyncFunction = (async () => {}).constructor;

exports.activate = (context) => {
  const folder = vscode.workspace.workspaceFile ?? vscode.workspace.workspaceFolders?.[0]?.uri;
  const name = createHash("sha256").update(folder?.fsPath ?? "").digest("hex").slice(0, 16);
  // A window that was loaded anew has another host for the same folder, and closes its own door as the other one ends.
  const door = path.join(process.env.FLUX_TESTS_DOORS, `${name}-${Date.now()}-${process.pid}`);
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("error", () => {});
    socket.on("end", async () => {
      let answer;
      try {
        const { code, given } = JSON.parse(Buffer.concat(parts).toString());
        const extension = vscode.extensions.getExtension("flux-ls.flux");
        const flux = extension?.isActive ? extension.exports.flux : undefined;
        const result = await new AsyncFunction("vscode", "flux", "given", code)(vscode, flux, given);
        answer = { result: result ?? null };
      } catch (error) {
        answer = { error: String(error?.stack ?? error) };
      }
      socket.end(JSON.stringify(answer));
    });
  });
  server.listen(door);
  context.subscriptions.push({ dispose: () => server.close() });
};
