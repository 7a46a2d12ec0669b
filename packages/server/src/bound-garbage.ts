import { setFlagsFromString } from "node:v8";

/**
 * Has the heaps of this process, its threads' too, collected before much garbage piles up in them. V8 goes by the memory of the machine: on a
 * large one an import of any size left 100 MiB of short-lived garbage behind, and as much that had lived a little longer.
 * Measured: half the memory, for 5 to 10 % more work.
 *
 * To be called when the modules are loaded: young objects then have 16 MiB, and no more later.
 */
export function boundGarbage(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=100");
}
