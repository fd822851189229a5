// The views: what stands in the side bar and in panels. Each is registered here, and lives from the events of `Flux`.

import type { Disposable } from "vscode";
import type { Flux } from "../flux";

export function registerViews(_flux: Flux): Disposable[] {
  return [];
}
