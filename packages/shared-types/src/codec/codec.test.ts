import { Status } from "#gen/google/rpc/error_details.js";
import { DataItem } from "#gen/streaming/v1/dataset.js";
import { Event, WatchRequest } from "#gen/streaming/v1/event.js";
import { DownloadRequest, FileChunk, FileInfo, FileSpec, UploadSession } from "#gen/streaming/v1/file.js";
import { GetFileRequest, ListFilesResponse } from "#gen/streaming/v1/file_service.js";
import { Metric, MetricsSummary } from "#gen/streaming/v1/metric.js";
import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "@jest/globals";
import protobuf from "protobufjs";

import { MAX_MESSAGE_ELEMENTS } from "../limits.js";
import type { MessageType } from "../service-definition.js";
import { decodeMessage, encodeMessage, MalformedMessageError } from "./codec.js";

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** Bytes that `write` puts down with the writer of another library. */
function written(write: (writer: protobuf.Writer) => void): Buffer {
  const writer = protobuf.Writer.create();
  write(writer);
  return Buffer.from(writer.finish());
}

function refusal(type: MessageType<unknown>, data: Uint8Array): string {
  try {
    decodeMessage(type, data);
  } catch (error) {
    if (error instanceof MalformedMessageError) return error.message;
    throw error;
  }
  throw new Error("the message was accepted");
}

describe("decodeMessage refuses", () => {
  test.each([
    ["a zero where a field should begin", Event, "0a 01 61 00 12 01 62", "field number 0"],
    ["a stray end-group", Event, "0a 01 61 0c", "wire type 4"],
    ["a zero at the end", Event, "0a 01 61 00", "field number 0"],
    ["a stray end-group in a nested message", Event, "22 03 08 01 0c 0a 01 61", "wire type 4"],
    ["a zero in a nested message", Event, "22 04 00 08 01 10 0a 01 61", "field number 0"],
    ["a nested message that runs over its end", Event, "22 01 08 01", "does not end where"],
    ["a nested message that runs over the end of all", Event, "22 05 08 01", "ends"],
    ["field number 0", Event, "02 01 61", "field number 0"],
    ["a group", Event, "0b 0c", "wire type 3"],
    ["wire type 6", Event, "0e 01", "wire type 6"],
    ["wire type 7", Event, "0f 01", "wire type 7"],
    ["a text that ends early", Event, "0a 05 61", "ends early"],
    ["a tag that ends early", Event, "8a", "ends early"],
    ["a length beyond 2^31", Event, "0a ff ff ff ff 0f", "ends early"],
    ["a skipped field that ends early", Event, "7a 05 61", "ends early"],
    ["a number that ends early", Metric, "11 00 00 00", "ends early"],
    ["a varint of eleven bytes", DownloadRequest, `10 ${"80".repeat(10)} 00`, "longer than 64 bits"],
    ["a varint of ten bytes beyond 64 bits", DownloadRequest, `10 ${"ff".repeat(9)} 02`, "longer than 64 bits"],
    ["bytes that are not UTF-8", Event, "0a 02 c3 28", "not UTF-8"],
    ["an overlong slash", FileChunk, "22 02 c0 af", "not UTF-8"],
    ["half a surrogate pair", Event, "0a 03 ed a0 80", "not UTF-8"],
    ["long text that is not UTF-8", Event, `0a 40 ${"61".repeat(63)} ff`, "not UTF-8"],
    ["text in a map that is not UTF-8", FileSpec, "1a 03 0a 01 ff", "not UTF-8"],
  ])("%s", (_what, type, hex, why) => {
    expect(refusal(type as MessageType<unknown>, bytes(hex))).toContain(why);
  });

  test.each(["9007199254740992", "-9007199254740992", "9223372036854775807", "-9223372036854775808"])(
    "an integer that a number cannot hold exactly: %s",
    (value) => {
      expect(
        refusal(
          DownloadRequest,
          written((writer) => writer.uint32(16).int64(value)),
        ),
      ).toMatch(/(larger|smaller) than/);
    },
  );

  test("messages nested too deeply", () => {
    expect(refusal(NESTED, nested(101))).toContain("recursion limit");
    expect(() => decodeMessage(NESTED, nested(99))).not.toThrow();
  });
});

describe("decodeMessage", () => {
  test("reads integers up to 2^53 as numbers, and those of users as text up to 2^63", () => {
    const limit = Number.MAX_SAFE_INTEGER;
    for (const startOffset of [limit, -limit, 0, -1]) {
      const data = written((writer) => writer.uint32(16).int64(startOffset));
      expect(decodeMessage(DownloadRequest, data).startOffset).toBe(startOffset);
    }
    for (const id of ["9223372036854775807", "-9223372036854775808", "9007199254740993"]) {
      expect(
        decodeMessage(
          DataItem,
          written((writer) => writer.uint32(8).int64(id)),
        ).id,
      ).toBe(id);
    }
  });

  test("skips fields that a newer peer has, of every wire type but groups", () => {
    const data = written((writer) => {
      writer.uint32(0x3e8).int64(-1).uint32(0x3e9).double(1).uint32(0x3ea).string("new").uint32(0x3ed).fixed32(1);
      writer.uint32(10).string("id");
    });
    expect(decodeMessage(Event, data).id).toBe("id");
  });

  test("keeps U+FFFD, a byte-order mark and NUL in text", () => {
    for (const id of ["\uFFFD", "\uFEFFx", "a\0b", `${"long ".repeat(30)}\uFFFD`]) {
      expect(decodeMessage(Event, encodeMessage(Event, Event.fromPartial({ id }))).id).toBe(id);
    }
  });

  test("gives bytes as views of what came in, without a copy", () => {
    const data = encodeMessage(FileChunk, FileChunk.fromPartial({ content: Buffer.alloc(5000, 7), offset: 3 }));
    const { content } = decodeMessage(FileChunk, data);
    expect(content.buffer).toBe(data.buffer);
    expect(content.byteOffset).toBeGreaterThan(data.byteOffset);
  });

  test("reads from a plain Uint8Array in the middle of a larger one", () => {
    const data = encodeMessage(Event, Event.fromPartial({ id: "x", payload: Buffer.from("abc") }));
    const around = new Uint8Array([9, 9, ...data, 9]);
    const event = decodeMessage(Event, around.subarray(2, 2 + data.length));
    expect(Buffer.from(event.payload).toString()).toBe("abc");
  });

  test("cannot be made to change a prototype through the keys of a map", () => {
    const metadata = new Map([
      ["__proto__", "evil"],
      ["constructor", "evil"],
    ]);
    const spec = decodeMessage(FileSpec, encodeMessage(FileSpec, FileSpec.fromPartial({ metadata })));
    expect(spec.metadata).toEqual(metadata);
    expect(({} as Record<string, unknown>)["evil"]).toBeUndefined();
    const summary = MetricsSummary.fromPartial({ aggregates: new Map([["__proto__", 1.5]]) });
    expect(decodeMessage(MetricsSummary, encodeMessage(MetricsSummary, summary))).toEqual(summary);
  });

  test("works again after a refusal", () => {
    refusal(Event, bytes("0a 05 61"));
    expect(decodeMessage(Event, bytes("0a 01 61")).id).toBe("a");
  });
});

describe("decodeMessage counts elements, so that no message stalls the process", () => {
  const texts = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes("0a 00")));
  const entries = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes("1a 02 0a 00")));

  test("as many as the limit are accepted, one more is refused, in a repeated field", () => {
    expect(decodeMessage(WatchRequest, texts(MAX_MESSAGE_ELEMENTS)).eventTypes).toHaveLength(MAX_MESSAGE_ELEMENTS);
    expect(refusal(WatchRequest, texts(MAX_MESSAGE_ELEMENTS + 1))).toContain("elements");
  });

  test("as many as the limit are accepted, one more is refused, in a map", () => {
    expect(decodeMessage(FileSpec, entries(MAX_MESSAGE_ELEMENTS)).metadata.size).toBe(1);
    expect(refusal(FileSpec, entries(MAX_MESSAGE_ELEMENTS + 1))).toContain("elements");
  });

  test("over all nested messages together", () => {
    const file = encodeMessage(FileInfo, FileInfo.fromPartial({ metadata: numbered(40_000) }));
    const files = (count: number): Buffer =>
      written((writer) => {
        for (let i = 0; i < count; i += 1) writer.uint32(10).bytes(file);
      });
    expect(decodeMessage(ListFilesResponse, files(2)).files).toHaveLength(2);
    expect(refusal(ListFilesResponse, files(3))).toContain("elements");
  });

  test("fields that come again and again, and fields that are not known, count too", () => {
    const repeated = (hex: string): Buffer => bytes(hex.repeat(MAX_MESSAGE_ELEMENTS + 1));
    expect(refusal(FileChunk, repeated("5801"))).toContain("elements");
    expect(refusal(FileChunk, repeated("5200"))).toContain("elements");
    expect(refusal(FileChunk, repeated("f80101"))).toContain("elements");
  });

  test("packed values are no tags, whatever they look like", () => {
    expect(decodeMessage(PACKED_UINT32, bytes("0a 03 00 04 0c 0a 01 04"))).toEqual([0, 4, 12, 4]);
  });

  test("packed values count", () => {
    const packed = (count: number): Buffer => written((writer) => writer.uint32(10).bytes(Buffer.alloc(count, 1)));
    expect(decodeMessage(PACKED, packed(50_000))).toHaveLength(50_000);
    expect(refusal(PACKED, packed(MAX_MESSAGE_ELEMENTS + 1))).toContain("elements");
  });
});

describe("encodeMessage refuses", () => {
  test.each([2 ** 53, -(2 ** 53), 1.5, Number.NaN, Infinity])("%d as an int64", (startOffset) => {
    expect(() => encodeMessage(DownloadRequest, DownloadRequest.fromPartial({ startOffset }))).toThrow(/not a int64/);
  });

  test.each(["9223372036854775808", "-9223372036854775809", "1.5", "ten"])("%j as an int64 in text", (id) => {
    expect(() => encodeMessage(DataItem, DataItem.fromPartial({ id }))).toThrow(/int64|BigInt/);
  });

  test.each([2 ** 31, 1.5, Number.NaN])("%d as an int32", (chunkSize) => {
    expect(() => encodeMessage(DownloadRequest, DownloadRequest.fromPartial({ chunkSize }))).toThrow(/not a u?int32/);
  });

  test("values of another type, instead of guessing", () => {
    const wrong = { ...Event.fromPartial({}), id: 7 } as unknown as Event;
    expect(() => encodeMessage(Event, wrong)).toThrow(new TypeError("not a string: 7"));
    const chunk = { ...FileChunk.fromPartial({}), content: "text" } as unknown as FileChunk;
    expect(() => encodeMessage(FileChunk, chunk)).toThrow(new TypeError("not a Uint8Array: string"));
  });
});

describe("encodeMessage", () => {
  test("gives messages that do not change when others follow", () => {
    const messages = Array.from({ length: 500 }, (_, n) =>
      Event.fromPartial({ id: `id ${n}`, payload: Buffer.alloc(n, n) }),
    );
    const encoded = messages.map((message) => encodeMessage(Event, message));
    expect(encoded.map((data) => decodeMessage(Event, data).id)).toEqual(messages.map(({ id }) => id));
  });

  test("does not share memory with the bytes it was given", () => {
    const content = Buffer.alloc(100_000, 1);
    const data = encodeMessage(FileChunk, FileChunk.fromPartial({ content }));
    content.fill(2);
    expect(decodeMessage(FileChunk, data).content.every((byte) => byte === 1)).toBe(true);
  });

  test("puts large bytes inside nested messages in their place", () => {
    for (const length of [100, 1023, 1024, 16_300, 70_000, 3_000_000]) {
      const detail = { typeUrl: "before", value: Buffer.alloc(length, 5) };
      const status = { code: 1, message: "m", details: [detail, detail, detail] };
      expect(encodeMessage(Status, status).equals(Status.encode(status).finish())).toBe(true);
    }
  });

  test("can be called while another message is being encoded", () => {
    const inner = Event.fromPartial({ id: "inner", payload: Buffer.alloc(2000, 1) });
    const outer = {
      ...Event.fromPartial({ id: "outer", type: "t" }),
      get payload() {
        return encodeMessage(Event, inner);
      },
    };
    const decoded = decodeMessage(Event, encodeMessage(Event, outer));
    expect([decoded.id, decoded.type]).toEqual(["outer", "t"]);
    expect(decodeMessage(Event, decoded.payload)).toEqual(inner);
  });

  test("works again after a failure in the middle of a nested message", () => {
    const bad = UploadSession.fromPartial({ uploadId: "u", spec: { totalSize: 0.5 } });
    expect(() => encodeMessage(UploadSession, bad)).toThrow(TypeError);
    const request = GetFileRequest.fromPartial({ name: { $case: "fileId", value: "k7" } });
    expect(encodeMessage(GetFileRequest, request)).toEqual(bytes("0a 02 6b 37"));
  });
});

function numbered(count: number): Map<string, string> {
  return new Map(Array.from({ length: count }, (_, n) => [String(n), ""]));
}

/** Where generated code counts the depth of nesting. */
const DEPTH = "__tsProtoDecodeDepth";

/** A message type with what ts-proto generates around the loop over fields. */
function messageType<T>(
  start: () => T,
  readField: (message: T, tag: number, reader: BinaryReader) => void,
): MessageType<T> {
  return {
    encode: (_message, writer) => writer as BinaryWriter,
    fromPartial: start,
    decode(input, length) {
      const reader = input as BinaryReader & { [DEPTH]?: number };
      const depth = reader[DEPTH] ?? 0;
      if (depth >= 100) throw new Error("protobuf decode recursion limit exceeded");
      reader[DEPTH] = depth + 1;
      try {
        const end = length === undefined ? reader.len : reader.pos + length;
        const message = start();
        while (reader.pos < end) readField(message, reader.uint32(), reader);
        return message;
      } finally {
        reader[DEPTH] = depth;
      }
    },
  };
}

/** message Nested { Nested child = 1; } */
const NESTED: MessageType<unknown[]> = messageType<unknown[]>(
  () => [],
  (message, _tag, reader) => message.push(NESTED.decode(reader, reader.uint32())),
);

/** message Packed { repeated uint32 values = 1; } */
const PACKED_UINT32: MessageType<number[]> = messageType<number[]>(
  () => [],
  (message, _tag, reader) => {
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) message.push(reader.uint32());
  },
);

/** message Packed { repeated bool values = 1; } */
const PACKED: MessageType<boolean[]> = messageType<boolean[]>(
  () => [],
  (message, _tag, reader) => {
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) message.push(reader.bool());
  },
);

function nested(depth: number): Buffer {
  let data: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i += 1) data = written((writer) => writer.uint32(10).bytes(data));
  return data;
}
