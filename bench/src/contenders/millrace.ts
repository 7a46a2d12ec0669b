import { createStreamingServer } from "@millrace/server";

import type { Contender, ContenderOptions } from "./contender.js";

/** Our server, with its log on the disk. */
export async function openMillrace({ dataDir }: ContenderOptions): Promise<Contender> {
  const server = await createStreamingServer({ port: 0, dataDir });
  return { port: server.port, close: () => server.close() };
}

/** Our server, with its log in memory. */
export async function openMillraceInMemory(): Promise<Contender> {
  const server = await createStreamingServer({ port: 0 });
  return { port: server.port, close: () => server.close() };
}
