import { once } from "node:events";

import type { ServiceError } from "@grpc/grpc-js";

import type { SeedChunk, SeedClient, SeedUploadResponse } from "./seed-client.js";

/** Cuts bytes into chunks the way the seed's client does, every field in every chunk. */
export function seedChunksOf(content: Uint8Array, filename: string, chunkBytes = 64 * 1024): SeedChunk[] {
  const chunks: SeedChunk[] = [];
  for (let offset = 0; offset < content.byteLength; offset += chunkBytes) {
    chunks.push({
      content: content.subarray(offset, offset + chunkBytes),
      offset,
      total_size: content.byteLength,
      filename,
    });
  }
  return chunks;
}

/** Sends the chunks, half-closes and gives the response. */
export async function seedUpload(client: SeedClient, chunks: Iterable<SeedChunk>): Promise<SeedUploadResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<SeedUploadResponse>();
  const call = client.uploadFile((error, response) => {
    if (error !== null) reject(error);
    else if (response === undefined) reject(new Error("neither an error nor a response"));
    else resolve(response);
  });
  promise.catch(() => {});
  for (const chunk of chunks) {
    if (!call.write(chunk)) await Promise.race([once(call, "drain"), promise]);
  }
  call.end();
  return promise;
}

/** All chunks of a download. */
export async function seedDownload(
  client: SeedClient,
  request: { file_id: string; start_offset?: number | string },
): Promise<SeedChunk[]> {
  const chunks: SeedChunk[] = [];
  for await (const chunk of client.downloadFile(request)) chunks.push(chunk as SeedChunk);
  return chunks;
}

/** Content of a download. */
export async function seedContent(client: SeedClient, fileId: string): Promise<Buffer> {
  return Buffer.concat((await seedDownload(client, { file_id: fileId })).map((chunk) => chunk.content));
}

/** The failure of a call; an error if it succeeds. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the call succeeded");
}
