import type { MessageType } from "@millrace/shared-types";
import { DataItem, Event, FileChunk, FileInfo, ListFilesResponse } from "@millrace/shared-types";

/** Messages of one type. */
export interface CodecCase {
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

/** What is encoded and decoded. */
export const CODEC_CASES: readonly CodecCase[] = [
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
