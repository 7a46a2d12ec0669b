import { type PublishedRpc, publishedRpcs } from "./published-rpcs.ts";
import { ROOT } from "./root.ts";
import { handlersIn, sdkMethodsIn, testsNaming } from "./rpc-evidence.ts";
import { readSources, type Sources } from "./sources.ts";

/** A published RPC and everything that stands behind it. */
export interface InventoryEntry {
  readonly rpc: PublishedRpc;
  readonly implementedBy: string | undefined;
  readonly sdkMethods: readonly string[];
  readonly tests: readonly string[];
  /** What is wrong with it, in words; empty if nothing is. */
  readonly problems: readonly string[];
}

/** Looks up who implements, calls and tests each RPC, and judges it. */
export function takeInventory(rpcs: readonly PublishedRpc[], sources: Sources): readonly InventoryEntry[] {
  const handlers = handlersIn(sources);
  const sdk = sdkMethodsIn(sources);
  const tests = testsNaming(sources, [...new Set(rpcs.map(({ name }) => name))]);
  return rpcs.map((rpc) => {
    const method = `${rpc.name[0]?.toLowerCase()}${rpc.name.slice(1)}`;
    const key = `${rpc.service}.${method}`;
    const viaTypedClient = (sdk.get(`${rpc.service}.*`) ?? []).map((client) => `${client}.${method}`);
    const entry = {
      rpc,
      implementedBy: handlers.get(key),
      sdkMethods: [...(sdk.get(key) ?? []), ...viaTypedClient],
      tests: tests.get(rpc.name) ?? [],
    };
    return { ...entry, problems: problemsOf(entry) };
  });
}

function fullName({ service, name }: PublishedRpc): string {
  return `${service}.${name}`;
}

function problemsOf({ implementedBy, sdkMethods, tests }: Omit<InventoryEntry, "problems">): readonly string[] {
  return [
    ...(implementedBy === undefined ? ["has no handler in packages/server"] : []),
    ...(sdkMethods.length === 0 ? ["has no method in packages/client-sdk that calls it"] : []),
    ...(tests.length === 0 ? ["is named by no test"] : []),
  ];
}

function print({ rpc, implementedBy, sdkMethods, tests }: InventoryEntry): void {
  console.log(`${fullName(rpc)}  (${rpc.kind})  ${rpc.request} → ${rpc.response}`);
  console.log(`  implemented by  ${implementedBy ?? "NOTHING"}`);
  console.log(`  called by       ${sdkMethods.join(", ") || "nothing in the SDK"}`);
  console.log(`  named in        ${tests.join(", ") || "no test"}`);
}

if (import.meta.main) {
  const inventory = takeInventory(publishedRpcs(ROOT), readSources(ROOT));
  for (const entry of inventory) print(entry);
  console.log(`\n${inventory.length} RPCs published`);
  const problems = inventory.flatMap((entry) => entry.problems.map((problem) => `${fullName(entry.rpc)} ${problem}`));
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
