import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const READ_BYTES = 1024 * 1024;

/**
 * Bytes of a file on their way: a hidden file beside the destination, so that the two are on one
 * file system and the finished file can take its place at once, by renaming.
 */
export class PartFile implements AsyncDisposable {
  readonly #path: string;
  readonly #destination: string;
  readonly #file: FileHandle;

  private constructor(path: string, destination: string, file: FileHandle) {
    this.#path = path;
    this.#destination = destination;
    this.#file = file;
  }

  /**
   * Opens the part file of `destination`, made if there is none.
   *
   * @param tag tells parts of the same destination apart: letters and digits
   * @throws if the destination is a directory: better now than after the download
   */
  static async open(destination: string, tag: string): Promise<PartFile> {
    if (await isDirectory(destination)) throw new Error(`${destination} is a directory`);
    const path = join(dirname(destination), `.${basename(destination).slice(0, 100)}.${tag}.part`);
    // A link that somebody put at this name must not lead the bytes elsewhere.
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    return new PartFile(path, destination, await open(path, flags, 0o666));
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /** Empties it and gives it its final size, so that ranges can be written in any order. */
  async reset(sizeBytes: number): Promise<void> {
    await this.#file.truncate(0);
    await this.#file.truncate(sizeBytes);
  }

  async write(position: number, content: Uint8Array): Promise<void> {
    for (let written = 0; written < content.byteLength;) {
      const rest = content.byteLength - written;
      const { bytesWritten } = await this.#file.write(content, written, rest, position + written);
      written += bytesWritten;
    }
  }

  /** SHA-256 of what is there, in lower-case hexadecimal: reads it back. */
  async sha256(signal: AbortSignal | undefined): Promise<string> {
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    for (let position = 0; ;) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, position);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
  }

  /** Puts the file in its place. Durable when it resolves. */
  async publish(): Promise<void> {
    await this.#file.sync();
    await this.#file.close(); // Windows does not rename open files
    await rename(this.#path, this.#destination);
    await syncDirectory(dirname(this.#destination));
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Makes a rename durable. Windows cannot open directories and needs no such thing. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}
