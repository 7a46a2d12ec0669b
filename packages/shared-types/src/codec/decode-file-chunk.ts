import { FileChecksums, type FileChunk, FileInfo, FileSpec } from "#gen/streaming/v1/file.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import type { FastReader } from "./fast-reader.js";

const NO_BYTES = new Uint8Array(0);

function emptyFileChunk(): FileChunk {
  return {
    content: NO_BYTES,
    offset: 0,
    totalSize: 0,
    filename: "",
    crc32c: undefined,
    uploadId: "",
    finishWrite: false,
    spec: undefined,
    checksums: undefined,
    info: undefined,
    flush: false,
    queryStatus: false,
  };
}

export function decodeFileChunk(reader: FastReader, end: number): FileChunk {
  const chunk = emptyFileChunk();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) chunk.content = reader.bytes();
    else if (tag === 0x10) chunk.offset = reader.int64Number();
    else if (tag === 0x18) chunk.totalSize = reader.int64Number();
    else if (tag === 0x22) chunk.filename = reader.string();
    else if (tag === 0x2d) chunk.crc32c = reader.fixed32();
    else decodeRareField(chunk, tag, reader);
  }
  return chunk;
}

/** What comes in the first or the last chunk of a file. */
function decodeRareField(chunk: FileChunk, tag: number, reader: FastReader): void {
  const generated = reader as unknown as BinaryReader;
  if (tag === 0x32) chunk.uploadId = reader.string();
  else if (tag === 0x38) chunk.finishWrite = reader.bool();
  else if (tag === 0x42) chunk.spec = FileSpec.decode(generated, reader.uint32());
  else if (tag === 0x4a) chunk.checksums = FileChecksums.decode(generated, reader.uint32());
  else if (tag === 0x52) chunk.info = FileInfo.decode(generated, reader.uint32());
  else if (tag === 0x58) chunk.flush = reader.bool();
  else if (tag === 0x60) chunk.queryStatus = reader.bool();
  else reader.skip(tag & 7);
}
