// The tests of what needs no editor; those in a real one are in the repository's tests/e2e/vscode.

import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["tests/**/*.test.ts"], testTimeout: 10_000 } });
