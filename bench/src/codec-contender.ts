import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeMessage, encodeMessage } from "@millrace/shared-types";

import { CODEC_CASES } from "./codec-cases.js";

/**
 * One way to do one piece of work, in a process of its own: the engine optimizes
 * generated code for the one reader or writer that it meets, as it does in a server.
 */
export const CONTENDERS = [
  "encode.ours",
  "encode.stock",
  "decode.ours",
  "decode.stock",
  "decode.stockCopying",
] as const;
export type Contender = (typeof CONTENDERS)[number];

/** What ts-proto generates with `env=node`: `bytes` are copied. */
class CopyingReader extends BinaryReader {
  override bytes(): Uint8Array {
    return Buffer.from(super.bytes());
  }
}

type Work = (n: number) => unknown;

function workOf(caseName: string, contender: Contender): Work {
  const found = CODEC_CASES.find(({ name }) => name === caseName);
  if (found === undefined) throw new Error(`no case is called ${caseName}`);
  const { type, messages } = found;
  const encoded = messages.map((message) => Buffer.from(type.encode(message).finish()));
  const data = (n: number): Buffer => encoded[n % encoded.length] as Buffer;
  const works: Readonly<Record<Contender, Work>> = {
    "encode.ours": (n) => encodeMessage(type, messages[n % messages.length]),
    "encode.stock": (n) => type.encode(messages[n % messages.length]).finish(),
    "decode.ours": (n) => decodeMessage(type, data(n)),
    "decode.stock": (n) => type.decode(data(n)),
    "decode.stockCopying": (n) => type.decode(new CopyingReader(data(n))),
  };
  return works[contender];
}

/** Kept, so that the engine cannot leave the work out. */
let sink: unknown;

/** Nanoseconds per call. */
function timed(work: Work, calls: number): number {
  const start = process.hrtime.bigint();
  for (let n = 0; n < calls; n += 1) sink = work(n);
  return Number(process.hrtime.bigint() - start) / calls;
}

const [, , caseName = "", contender] = process.argv;
if (process.send !== undefined) {
  const work = workOf(caseName, contender as Contender);
  process.on("message", (calls: number) => process.send?.(timed(work, calls)));
  process.once("disconnect", () => process.exit(sink === undefined ? 1 : 0));
}
