import { EventEmitter, once } from "node:events";

/**
 * Most bytes that are sent and not yet durable: what a lost connection makes the client send
 * again, and what it keeps in memory for that. Twice the server's commit interval, so that one
 * half travels while the other is made durable.
 */
export const UPLOAD_WINDOW_BYTES: number = 8 * 1024 * 1024;

/** What of an upload was sent and what is durable. Holds the sender within the window. */
export class UploadWindow {
  readonly #changes = new EventEmitter();
  #sentBytes = 0;
  #furthestBytes = 0;
  #committedBytes = 0;
  #resentBytes = 0;
  #isPaused = false;

  /** Up to where bytes were sent since the connection was last lost. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Up to where bytes are durable. */
  get committedBytes(): number {
    return this.#committedBytes;
  }

  /** Bytes sent more than once. */
  get resentBytes(): number {
    return this.#resentBytes;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** A new stream goes on where the server has everything. */
  rewind(): void {
    this.#sentBytes = this.#committedBytes;
  }

  /** The next `byteLength` bytes are sent. */
  advance(byteLength: number): void {
    const end = this.#sentBytes + byteLength;
    this.#resentBytes += Math.max(0, Math.min(end, this.#furthestBytes) - this.#sentBytes);
    this.#sentBytes = end;
    this.#furthestBytes = Math.max(end, this.#furthestBytes);
  }

  /** The bytes before `position` are durable. Returns whether that is news. */
  commit(position: number): boolean {
    if (position <= this.#committedBytes) return false;
    this.#committedBytes = position;
    this.#changes.emit("change");
    return true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#changes.emit("change");
  }

  /** Whether `byteLength` more bytes may be sent now. */
  hasRoomFor(byteLength: number): boolean {
    return this.#sentBytes + byteLength - this.#committedBytes <= UPLOAD_WINDOW_BYTES;
  }

  /** Resolves once `byteLength` more bytes may be sent. Rejects when `signal` aborts. */
  async untilRoomFor(byteLength: number, signal: AbortSignal): Promise<void> {
    while (!this.hasRoomFor(byteLength)) await once(this.#changes, "change", { signal });
  }

  /** Resolves once the upload is not paused. Rejects when `signal` aborts. */
  async untilResumed(signal: AbortSignal): Promise<void> {
    while (this.#isPaused) await once(this.#changes, "change", { signal });
  }
}
