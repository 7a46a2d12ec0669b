import { type BatchItem, createClient } from "@millrace/client-sdk";

import { startServerProcess } from "./support/server-process.js";

const MIB = 1024 * 1024;
const PAYLOAD = Buffer.alloc(100, "x");

export interface BatchMemoryPlan {
  readonly dataDir: string;
  readonly items: number;
  /** Parts after each of which memory is looked at. */
  readonly phases: number;
  readonly onPhase?: (phase: MemoryPhase) => void;
}

/** Memory in use after so many results. */
export interface MemoryPhase {
  readonly results: number;
  readonly serverMiB: number;
  readonly clientMiB: number;
}

export interface BatchMemoryReport {
  readonly items: number;
  readonly itemsPerSecond: number;
  /** Resident memory at the end beyond that after the second phase, when caches are full. */
  readonly serverGrowthMiB: number;
  readonly clientGrowthMiB: number;
}

/** Has a server run very many items of one batch, and looks at the memory of both sides on the way. */
export async function measureBatchMemory({
  dataDir,
  items,
  phases,
  onPhase,
}: BatchMemoryPlan): Promise<BatchMemoryReport> {
  await using server = await startServerProcess({ dataDir });
  await using client = createClient({ target: server.target });
  const seen: MemoryPhase[] = [];
  let results = 0;
  const onResult = async (): Promise<void> => {
    if (++results % Math.floor(items / phases) !== 0) return;
    const [serverMiB, clientMiB] = [await server.residentBytes(), process.memoryUsage.rss()].map(
      (bytes) => bytes / MIB,
    );
    const phase = { results, serverMiB: Math.round(serverMiB ?? 0), clientMiB: Math.round(clientMiB ?? 0) };
    seen.push(phase);
    onPhase?.(phase);
  };
  const startedAt = performance.now();
  const options = { operation: "echo", maxConcurrency: 64, omitOutputs: true, onResult };
  const { succeeded } = await client.batch.process(itemsOf(items), options);
  const elapsedS = (performance.now() - startedAt) / 1000;
  const [, warm, last = warm] = [seen[0], seen[1], seen.at(-1)];
  return {
    items: succeeded,
    itemsPerSecond: Math.round(succeeded / elapsedS),
    serverGrowthMiB: (last?.serverMiB ?? 0) - (warm?.serverMiB ?? 0),
    clientGrowthMiB: (last?.clientMiB ?? 0) - (warm?.clientMiB ?? 0),
  };
}

function* itemsOf(count: number): Generator<BatchItem, void, undefined> {
  for (let n = 0; n < count; n++) yield { id: String(n), payload: PAYLOAD };
}
