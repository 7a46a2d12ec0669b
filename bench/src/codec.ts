import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import {
  decodeMessage,
  encodeMessage,
  FileInfo,
  FileSpec,
  ListFilesResponse,
  MAX_MESSAGE_ELEMENTS,
  type MessageType,
  WatchRequest,
} from "@millrace/shared-types";

import { CODEC_CASES, type CodecCase } from "./codec-cases.js";
import { type Contender, CONTENDERS } from "./codec-contender.js";
import { median } from "./statistics.js";
import { writeResults } from "./write-results.js";

/** Rounds per case. In each, every contender runs once; the first ones warm up. */
const ROUNDS = 45;
const WARM_UP_ROUNDS = 10;

/** Time of one run of one contender, about, in nanoseconds. */
const RUN_NS = 10e6;

/** A contender in its process. Runs only when asked: never two at a time. */
class Runner {
  readonly contender: Contender;
  readonly samples: number[] = [];
  readonly #child: ChildProcess;
  #calls = 1;

  constructor(caseName: string, contender: Contender) {
    this.contender = contender;
    this.#child = fork(join(import.meta.dirname, "codec-contender.js"), [caseName, contender]);
  }

  /** Nanoseconds per call. */
  run(calls: number = this.#calls): Promise<number> {
    return new Promise((resolve, reject) => {
      const died = (): void => reject(new Error(`${this.contender} died`));
      this.#child.once("exit", died);
      this.#child.once("message", (ns: number) => {
        this.#child.removeListener("exit", died);
        resolve(ns);
      });
      this.#child.send(calls);
    });
  }

  async warmUp(): Promise<void> {
    await this.run(2000);
    this.#calls = Math.max(1, Math.round(RUN_NS / (await this.run(500))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}

/** Nanoseconds per call, of each contender in each round. All take turns, so that drift of the machine hits all alike. */
async function measure({ name }: CodecCase): Promise<Record<Contender, readonly number[]>> {
  await using stack = new AsyncDisposableStack();
  const runners = CONTENDERS.map((contender) => stack.use(new Runner(name, contender)));
  for (const runner of runners) await runner.warmUp();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const runner of runners) {
      const ns = await runner.run();
      if (round >= WARM_UP_ROUNDS) runner.samples.push(ns);
    }
  }
  const samples = runners.map((runner) => [runner.contender, runner.samples] as const);
  return Object.fromEntries(samples) as unknown as Record<Contender, readonly number[]>;
}

/** How many times as long `slow` takes as `fast`: the median over the rounds. */
function ratioOf(slow: readonly number[], fast: readonly number[]): number {
  return median(slow.map((ns, round) => ns / (fast[round] ?? Number.NaN)));
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

async function rowsOf(benchmark: CodecCase): Promise<Row[]> {
  const ns = await measure(benchmark);
  const [name, target] = [benchmark.name, benchmark.target];
  const rowOf = (work: "encode" | "decode", stock: readonly number[]): Omit<Row, "target"> => ({
    name,
    work,
    ours: median(ns[`${work}.ours`]),
    stock: median(ns[`${work}.stock`]),
    ratio: ratioOf(stock, ns[`${work}.ours`]),
  });
  const decode = rowOf("decode", ns[`decode.${target?.decodeStock ?? "stock"}`]);
  return [
    { ...rowOf("encode", ns["encode.stock"]), ...(target && { target: target.encode }) },
    { ...decode, stockCopying: median(ns["decode.stockCopying"]), ...(target && { target: target.decode }) },
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
  let longest = 0;
  for (let i = 0; i < 9; i += 1) {
    const start = performance.now();
    decodedOrRefused(type, data);
    longest = Math.max(longest, performance.now() - start);
  }
  return longest;
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

const rows: Row[] = [];
for (const benchmark of CODEC_CASES) rows.push(...(await rowsOf(benchmark)));
const stalls = Object.fromEntries(Object.entries(costliest()).map(([name, [type, data]]) => [name, stall(type, data)]));
print(rows, stalls);
writeResults("codec", { rows, stalls });
