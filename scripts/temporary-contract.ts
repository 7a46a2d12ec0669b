import { cp, mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ROOT } from "./root.ts";

const PARTS = ["buf.yaml", "buf.gen.yaml", "proto", "gen/ts", "tests/seed", "packages/shared-types/proto"];

/** A copy of the contract and of what belongs to it, outside any git repository, to be broken by tests. */
export async function temporaryContract(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtempDisposable(join(tmpdir(), "millrace-contract-"));
  for (const part of PARTS) await cp(join(ROOT, part), join(folder.path, part), { recursive: true });
  return folder;
}
