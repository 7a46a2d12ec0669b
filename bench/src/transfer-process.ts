import { type Load, TRANSFER_CONTENDERS, type TransferClient } from "./transfer-contenders.js";

/** One side of a contender in a process of its own: `transfer-process.js NAME serve|connect [PORT]`. */
const [, , name = "", side, port] = process.argv;
const contender = TRANSFER_CONTENDERS[name];
if (contender === undefined) throw new Error(`no contender is called ${name}`);

/** What the other process asks for. */
export interface TransferTask {
  readonly work: keyof TransferClient;
  readonly load: Load;
}

if (side === "serve") process.send?.(await contender.serve());
else {
  const client = contender.connect(Number(port));
  process.on("message", ({ work, load }: TransferTask) => void report(client, work, load));
  process.send?.("ready");
}
process.once("disconnect", () => process.exit(0));

/** Answers with megabytes per second. */
async function report(client: TransferClient, work: keyof TransferClient, load: Load): Promise<void> {
  const start = performance.now();
  const bytes = await client[work](load);
  const seconds = (performance.now() - start) / 1000;
  if (bytes !== load.totalBytes)
    throw new Error(`${name}: ${String(bytes)} bytes arrived of ${String(load.totalBytes)}`);
  process.send?.(bytes / 1e6 / seconds);
}
