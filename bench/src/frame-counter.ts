import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";

const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const ACK = 0x1;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES = 9;
const MESSAGE_HEAD_BYTES = 5;

const SETTINGS_INITIAL_WINDOW_SIZE = 4;
const MAX_WINDOW_BYTES = 2 ** 31 - 1;
const FIRST_WINDOW_BYTES = 65_535;

/** Windows are opened again after this many bytes. */
const WINDOW_STEP_BYTES = 2 ** 29;

/** What is read at a time; several of the largest frames (16 KiB). */
const READ_BYTES = 256 * 1024;

interface CountedCall {
  /** Of the message that is coming in: bytes of its head that are here, its length, and what is missing of it. */
  headBytes: number;
  length: number;
  missing: number;
  /** Since the stream's window was opened. */
  windowBytes: number;
}

export interface FrameCounterOptions {
  /** Called with each message that came in one piece: bytes `start` to `end` of `buffer`, good until it returns. */
  readonly onMessage?: (buffer: Buffer, start: number, end: number) => void;
}

/**
 * A connection that calls streams and counts the messages it gets, reading no more of them than their lengths: what
 * it measures is the server. It never lets the server wait for a window.
 */
export class FrameCounter implements Disposable {
  /** Messages of all calls so far. */
  messages = 0;
  /** Calls whose headers have come. */
  opened = 0;
  /** Calls that have ended. */
  ended = 0;
  readonly #socket: Socket;
  readonly #calls = new Map<number, CountedCall>();
  readonly #onMessage: FrameCounterOptions["onMessage"];
  /** All reads go in here, so that the benchmark's own garbage does not have its heap marked, on the server's time. */
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** The beginning of a frame, at the beginning of the buffer. */
  #restBytes = 0;
  /** Emits `read` after each. */
  readonly #reads = new EventEmitter();
  #windowBytes = 0;
  #nextStream = 1;

  private constructor(port: number, { onMessage }: FrameCounterOptions) {
    this.#onMessage = onMessage;
    const onread = {
      buffer: () => this.#buffer.subarray(this.#restBytes),
      callback: (bytes: number) => this.#receive(this.#buffer.subarray(0, this.#restBytes + bytes)),
    };
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread });
    this.#socket.on("error", (error) => console.error(error));
  }

  static async open(port: number, options: FrameCounterOptions = {}): Promise<FrameCounter> {
    const counter = new FrameCounter(port, options);
    await once(counter.#socket, "connect");
    counter.#socket.write(PREFACE);
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(SETTINGS_INITIAL_WINDOW_SIZE, 0);
    setting.writeUInt32BE(MAX_WINDOW_BYTES, 2);
    counter.#send(FRAME.SETTINGS, 0, 0, setting);
    counter.#openWindow(0, MAX_WINDOW_BYTES - FIRST_WINDOW_BYTES);
    return counter;
  }

  /** Calls a server-streaming RPC, such as `/package.Service/Method`. */
  call(path: string, request: Uint8Array): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#calls.set(stream, { headBytes: 0, length: 0, missing: 0, windowBytes: 0 });
    this.#send(FRAME.HEADERS, END_HEADERS, stream, headerBlock(path));
    const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
    head.writeUInt32BE(request.byteLength, 1);
    this.#send(FRAME.DATA, END_STREAM, stream, Buffer.concat([head, request]));
  }

  /** Resolves when the headers of so many calls have come. */
  async untilOpened(calls: number): Promise<void> {
    while (this.opened < calls) await once(this.#reads, "read");
  }

  /** Resolves when so many calls have ended. */
  async untilEnded(calls: number): Promise<void> {
    while (this.ended < calls) await once(this.#reads, "read");
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #receive(buffer: Buffer): boolean {
    let at = 0;
    while (buffer.byteLength - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + buffer.readUIntBE(at, 3);
      if (end > buffer.byteLength) break;
      this.#onFrame(buffer, at, end);
      at = end;
    }
    this.#restBytes = buffer.byteLength - at;
    buffer.copyWithin(0, at);
    this.#reads.emit("read");
    return true;
  }

  #onFrame(buffer: Buffer, at: number, end: number): void {
    const [type, flags, stream] = [buffer[at + 3], buffer[at + 4] ?? 0, buffer.readUInt32BE(at + 5)];
    const payload = at + FRAME_HEAD_BYTES;
    if (type === FRAME.DATA) this.#onData(stream, buffer, payload, end);
    const isCall = type === FRAME.DATA || type === FRAME.HEADERS;
    if (isCall && (flags & END_STREAM) !== 0) this.ended++;
    else if (type === FRAME.HEADERS) this.opened++;
    if (type === FRAME.RST_STREAM || type === FRAME.GOAWAY) throw new Error(`the server sent a frame ${String(type)}`);
    if ((type === FRAME.SETTINGS || type === FRAME.PING) && (flags & ACK) === 0) {
      this.#send(type, ACK, 0, type === FRAME.PING ? buffer.subarray(payload, end) : Buffer.alloc(0));
    }
  }

  #onData(stream: number, buffer: Buffer, start: number, end: number): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#countWindow(stream, call, end - start);
    for (let at = start; at < end;) {
      if (call.headBytes < MESSAGE_HEAD_BYTES) at = this.#readHead(call, buffer, at, end);
      if (call.headBytes < MESSAGE_HEAD_BYTES) return;
      const taken = Math.min(call.missing, end - at);
      call.missing -= taken;
      at += taken;
      if (call.missing > 0) return;
      this.messages++;
      if (taken === call.length) this.#onMessage?.(buffer, at - taken, at);
      call.headBytes = 0;
    }
  }

  #readHead(call: CountedCall, buffer: Buffer, at: number, end: number): number {
    if (call.headBytes === 0 && end - at >= MESSAGE_HEAD_BYTES) {
      call.headBytes = MESSAGE_HEAD_BYTES;
      call.length = buffer.readUInt32BE(at + 1);
      call.missing = call.length;
      return at + MESSAGE_HEAD_BYTES;
    }
    let next = at;
    for (; next < end && call.headBytes < MESSAGE_HEAD_BYTES; next++, call.headBytes++) {
      call.length = call.headBytes === 0 ? 0 : (call.length << 8) | (buffer[next] ?? 0);
    }
    call.missing = call.length;
    return next;
  }

  #countWindow(stream: number, call: CountedCall, bytes: number): void {
    this.#windowBytes += bytes;
    call.windowBytes += bytes;
    if (this.#windowBytes >= WINDOW_STEP_BYTES) {
      this.#openWindow(0, this.#windowBytes);
      this.#windowBytes = 0;
    }
    if (call.windowBytes >= WINDOW_STEP_BYTES) {
      this.#openWindow(stream, call.windowBytes);
      call.windowBytes = 0;
    }
  }

  #openWindow(stream: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes);
    this.#send(FRAME.WINDOW_UPDATE, 0, stream, payload);
  }

  #send(type: number, flags: number, stream: number, payload: Uint8Array): void {
    const head = Buffer.alloc(FRAME_HEAD_BYTES);
    head.writeUIntBE(payload.byteLength, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

function headerBlock(path: string): Buffer {
  const headers = {
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
  };
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), hpackText(name), hpackText(value)]),
  );
}

/** A text without Huffman code; the paths and names here are shorter than 127 bytes. */
function hpackText(text: string): Buffer {
  return Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
}
