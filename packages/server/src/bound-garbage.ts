import { setFlagsFromString } from "node:v8";

/**
 * Has the heaps of this process, its threads' too, collected before much garbage piles up in them. V8 goes by the memory
 * of the machine: on a large one an import of any size left 100 MiB of short-lived garbage behind, and as much that had
 * lived a little longer. What it gains and costs is in ADR 0019.
 *
 * Young objects get no more room than they have now. To be called when the configuration has been read and before the server is
 * loaded: that are 8 MiB then, and 2 in threads that start later.
 */
export function boundGarbage(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=100");
}
