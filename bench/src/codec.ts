import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  DataItem,
  decodeMessage,
  encodeMessage,
  Event,
  FileChunk,
  FileInfo,
  FileSpec,
  ListFilesResponse,
  MAX_MESSAGE_ELEMENTS,
  type MessageType,
  WatchRequest,
} from "@millrace/shared-types";

const RESULTS = join(import.meta.dirname, "../results");

/** Rounds per case. In each, every contender runs once; the first ones warm up. */
const ROUNDS = 45;
const WARM_UP_ROUNDS = 10;

/** Time of one run of one contender, about, in nanoseconds. */
const RUN_NS = 8e6;

/** What ts-proto generates with `env=node`: `bytes` are copied. */
class CopyingReader extends BinaryReader {
  override bytes(): Uint8Array {
    return Buffer.from(super.bytes());
  }
}

interface Case {
  readonly name: string;
  readonly type: MessageType<unknown>;
  /** All different, so that no cache of the engine sees the same number or text twice in a row. */
  readonly messages: readonly unknown[];
  /** What `PERFORMANCE` P8 asks for: how many times as fast as stock. */
  readonly target?: {
    readonly encode: number;
    readonly decode: number;
    readonly decodeStock: "stock" | "stockCopying";
  };
}

function variants<T>(make: (n: number) => T): T[] {
  return Array.from({ length: 61 }, (_, n) => make(n));
}

function timestampAt(n: number): { seconds: number; nanos: number } {
  return { seconds: 1_795_230_000 + n, nanos: 123_000_000 + n * 1_000 };
}

const CASES: readonly Case[] = [
  {
    name: "Event, 200 bytes of payload",
    type: Event,
    messages: variants((n) => ({
      id: `0193f0c2-6f6c-7a31-8a1e-0242ac12${String(1000 + n)}`,
      type: "order.created",
      payload: Buffer.alloc(200, n),
      timestamp: timestampAt(n),
    })),
    target: { encode: 4, decode: 1.3, decodeStock: "stock" },
  },
  {
    name: "DataItem, 100 bytes of data",
    type: DataItem,
    messages: variants((n) => ({ id: String(123_456_789 + n * 7_919), data: Buffer.alloc(100, n) })),
    target: { encode: 4, decode: 1.3, decodeStock: "stock" },
  },
  {
    name: "FileChunk, 64 KiB",
    type: FileChunk,
    messages: variants((n) =>
      FileChunk.fromPartial({
        content: Buffer.alloc(65_536, n),
        offset: n * 65_536,
        totalSize: 268_435_456,
        filename: "reports/november.pdf",
      }),
    ),
    target: { encode: 3, decode: 5, decodeStock: "stockCopying" },
  },
  {
    name: "ListFilesResponse, 100 files",
    type: ListFilesResponse,
    messages: variants((n) =>
      ListFilesResponse.fromPartial({ files: Array.from({ length: 100 }, (_, i) => fileInfo(n, i)) }),
    ),
  },
];

function fileInfo(n: number, i: number): FileInfo {
  return FileInfo.fromPartial({
    fileId: `k7${n}x${i}`,
    filename: `reports/2026/${i}.pdf`,
    size: 1_000_003 * i,
    checksums: { sha256: "0123456789abcdef".repeat(4), crc32c: 0xdeadbeef },
    contentType: "application/pdf",
    metadata: new Map([["author", "émile"]]),
    generation: 1,
    createTime: timestampAt(i),
  });
}

/** Kept, so that the engine cannot leave the work out. */
let sink: unknown;

type Work = (n: number) => void;

function contenders({ type, messages }: Case): Readonly<Record<string, Work>> {
  const encoded = messages.map((message) => encodeMessage(type, message));
  const at = (n: number): number => n % messages.length;
  const data = (n: number): Buffer => encoded[at(n)] as Buffer;
  return {
    "encode.ours": (n) => (sink = encodeMessage(type, messages[at(n)])),
    "encode.stock": (n) => (sink = type.encode(messages[at(n)]).finish()),
    "decode.ours": (n) => (sink = decodeMessage(type, data(n))),
    "decode.stock": (n) => (sink = type.decode(data(n))),
    "decode.stockCopying": (n) => (sink = type.decode(new CopyingReader(data(n)))),
  };
}

/** Nanoseconds per call. */
function timed(work: Work, calls: number): number {
  const start = process.hrtime.bigint();
  for (let n = 0; n < calls; n += 1) work(n);
  return Number(process.hrtime.bigint() - start) / calls;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Median nanoseconds per call of each contender. All take turns, so that drift of the machine hits all alike. */
function measure(works: Readonly<Record<string, Work>>): Record<string, number> {
  const plan = Object.entries(works).map(([name, work]) => {
    const calls = Math.max(1, Math.round(RUN_NS / timed(work, 200)));
    return { name, work, calls, samples: [] as number[] };
  });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { work, calls, samples } of plan) {
      const ns = timed(work, calls);
      if (round >= WARM_UP_ROUNDS) samples.push(ns);
    }
  }
  return Object.fromEntries(plan.map(({ name, samples }) => [name, median(samples)]));
}

interface Row {
  readonly name: string;
  readonly work: "encode" | "decode";
  readonly ours: number;
  readonly stock: number;
  readonly stockCopying?: number;
  readonly ratio: number;
  readonly target?: number;
}

function rowsOf(benchmark: Case): Row[] {
  const ns = measure(contenders(benchmark));
  const [name, target] = [benchmark.name, benchmark.target];
  const value = (key: string): number => ns[key] ?? Number.NaN;
  const decodeStock = value(`decode.${target?.decodeStock ?? "stock"}`);
  const [encodeOurs, encodeStock, decodeOurs] = [value("encode.ours"), value("encode.stock"), value("decode.ours")];
  const encode = {
    name,
    work: "encode",
    ours: encodeOurs,
    stock: encodeStock,
    ratio: encodeStock / encodeOurs,
  } as const;
  const decode = {
    name,
    work: "decode",
    ours: decodeOurs,
    stock: value("decode.stock"),
    ratio: decodeStock / decodeOurs,
  } as const;
  return [
    { ...encode, ...(target && { target: target.encode }) },
    { ...decode, stockCopying: value("decode.stockCopying"), ...(target && { target: target.decode }) },
  ];
}

/** The costliest messages within 4 MiB: as many elements as allowed, or more. */
function costliest(): Readonly<Record<string, readonly [MessageType<unknown>, Buffer]>> {
  const many = <T>(make: (n: number) => T): T[] => Array.from({ length: MAX_MESSAGE_ELEMENTS }, (_, n) => make(n));
  const metadata = new Map(many((n) => [`key of entry ${n}`, `value ${n}`] as const));
  const eventTypes = many((n) => `order.line.${n}.created-or-changed`);
  const files = many((n) => FileInfo.fromPartial({ fileId: `k${n}`, filename: `r/${n}.pdf`, generation: n + 1e10 }));
  return {
    "map of 100,000 entries": [FileSpec, encodeMessage(FileSpec, FileSpec.fromPartial({ metadata }))],
    "100,000 texts": [WatchRequest, encodeMessage(WatchRequest, WatchRequest.fromPartial({ eventTypes }))],
    "100,000 nested messages": [ListFilesResponse, encodeMessage(ListFilesResponse, { files, nextPageToken: "" })],
    "2,000,000 empty map entries (refused)": [FileSpec, Buffer.from("1a00".repeat(2_000_000), "hex")],
    "1,300,000 unknown fields (refused)": [FileSpec, Buffer.from("f80101".repeat(1_300_000), "hex")],
  };
}

/** Milliseconds for which one message keeps the process from anything else: the longest of a few, the first included. */
function stall(type: MessageType<unknown>, data: Buffer): number {
  return Math.max(...Array.from({ length: 9 }, () => timed(() => (sink = decodedOrRefused(type, data)), 1))) / 1e6;
}

function decodedOrRefused(type: MessageType<unknown>, data: Buffer): unknown {
  try {
    return decodeMessage(type, data);
  } catch (error) {
    return error;
  }
}

function print(rows: readonly Row[], stalls: Readonly<Record<string, number>>): void {
  const cells = rows.map(({ name, work, ours, stock, stockCopying, ratio, target }) => ({
    message: name,
    work,
    "ours ns": Math.round(ours),
    "stock ns": Math.round(stock),
    "stock, copying ns": stockCopying === undefined ? "" : Math.round(stockCopying),
    ratio: Number(ratio.toFixed(2)),
    target: target === undefined ? "" : `${target} ${ratio >= target ? "met" : "MISSED"}`,
  }));
  console.table(cells);
  console.log(
    "stock: ts-proto's code as generated here (bytes are views); copying: as it is with env=node (bytes are copies).",
  );
  console.log("The ratio is to stock, but for decoding FileChunk, where it is to the copying one.");
  console.table(Object.entries(stalls).map(([message, ms]) => ({ message, "longest ms": Number(ms.toFixed(1)) })));
}

const rows = CASES.flatMap(rowsOf);
const stalls = Object.fromEntries(Object.entries(costliest()).map(([name, [type, data]]) => [name, stall(type, data)]));
print(rows, stalls);
mkdirSync(RESULTS, { recursive: true });
const file = join(RESULTS, "codec.json");
writeFileSync(
  file,
  JSON.stringify({ date: new Date(), node: process.version, rows, stalls, kept: typeof sink }, null, 2),
);
console.log(`written to ${file}`);
