import { createClient } from "../client.js";
import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import { createInMemoryTransport, type InMemoryTransport } from "../testing/in-memory-transport.js";
import { FakeFileServer } from "./fake-file-server.test.support.js";
import type { FilesApi } from "./files-api.js";

/** A files API whose server is in this process and whose connection fails as told. */
export interface OpenFiles extends AsyncDisposable {
  readonly files: FilesApi;
  readonly server: FakeFileServer;
  readonly transport: InMemoryTransport;
  readonly faults: Transport & FaultControls;
}

export function openFiles(
  plan: FaultPlan | FaultPlanner = {},
  server: FakeFileServer = new FakeFileServer(),
  clock: ClientClock = systemClock,
): OpenFiles {
  const transport = createInMemoryTransport(server.register);
  const faults = faulty(transport, plan);
  const client = createClient({
    target: "in-memory",
    transport: faults,
    clock,
    random: () => 0, // no time between attempts
  });
  const { files } = client;
  return { files, server, transport, faults, [Symbol.asyncDispose]: () => client.close() };
}

/** Bytes that differ at each position within any 16 MiB. */
export function testBytes(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let offset = 0; offset + 4 <= size; offset += 4) bytes.writeUInt32LE((offset * 2_654_435_761) >>> 0, offset);
  bytes.fill(7, size - (size % 4));
  return bytes;
}

/** As a source that can be read only once, in pieces of `pieceBytes`. */
export async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += pieceBytes) {
    yield bytes.subarray(offset, offset + pieceBytes);
  }
}
