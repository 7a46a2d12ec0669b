import { connect, type Socket } from "node:net";
import { once } from "node:events";

/** HTTP/2 frame types and flags that hostile tests send. RFC 9113, section 6. */
const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const ACK = 0x1;

const SETTINGS_INITIAL_WINDOW_SIZE = 4;

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/**
 * A connection that writes HTTP/2 frames by hand, because `node:http2` refuses to send most bad input and
 * ends a request before it resets it.
 */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  #buffer: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data) => this.#receive(data));
  }

  /** Connects and says hello. With `windowBytes: 0` the server can send no data. */
  static async open(
    port: number,
    { windowBytes = 65_535 }: { readonly windowBytes?: number } = {},
  ): Promise<RawConnection> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const raw = new RawConnection(socket);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(SETTINGS_INITIAL_WINDOW_SIZE, 0);
    setting.writeUInt32BE(windowBytes, 2);
    raw.send(FRAME.SETTINGS, 0, 0, setting);
    return raw;
  }

  /** Opens a gRPC call of `path`. Stream ids are odd and ascending. */
  openCall(streamId: number, path: string, headers: Readonly<Record<string, string>> = {}): void {
    const all = {
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": "localhost",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    };
    const block = Buffer.concat(Object.entries(all).map(([name, value]) => literalHeader(name, value)));
    this.send(FRAME.HEADERS, END_HEADERS, streamId, block);
  }

  /** Sends bytes of a call's body, framed or not. */
  data(streamId: number, bytes: Uint8Array, { end = false }: { readonly end?: boolean } = {}): void {
    this.send(FRAME.DATA, end ? END_STREAM : 0, streamId, bytes);
  }

  /** RST_STREAM. 8 is CANCEL. */
  reset(streamId: number, code = 8): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.send(FRAME.RST_STREAM, 0, streamId, payload);
  }

  send(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.byteLength, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(streamId, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  /** Resolves when the server has taken note of our settings, and so has sent its own. */
  settingsAcknowledged(): Promise<void> {
    return this.#untilFrame(({ type, flags }) => type === FRAME.SETTINGS && (flags & ACK) !== 0);
  }

  /** Resolves when the server has ended its side of a call: END_STREAM, after the status. */
  callEnded(streamId: number): Promise<void> {
    return this.#untilFrame((frame) => frame.streamId === streamId && (frame.flags & END_STREAM) !== 0);
  }

  /** Resolves when the server has reset a call. */
  callReset(streamId: number): Promise<void> {
    return this.#untilFrame((frame) => frame.streamId === streamId && frame.type === FRAME.RST_STREAM);
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once("close", resolve));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #untilFrame(matches: (frame: RawFrame) => boolean): Promise<void> {
    const closed = new AbortController();
    this.socket.once("close", () => closed.abort(new Error("the server closed the connection")));
    while (!this.frames.some(matches)) await once(this.socket, "data", { signal: closed.signal });
  }

  #receive(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const size = this.#buffer.byteLength < 9 ? Infinity : 9 + this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.byteLength < size) return;
      this.#onFrame(this.#buffer.subarray(0, size));
      this.#buffer = this.#buffer.subarray(size);
    }
  }

  #onFrame(frame: Buffer): void {
    const [type, flags] = [frame.readUInt8(3), frame.readUInt8(4)];
    const payload = frame.subarray(9);
    this.frames.push({ type, flags, streamId: frame.readUInt32BE(5), payload });
    if ((type === FRAME.SETTINGS || type === FRAME.PING) && (flags & ACK) === 0) {
      this.send(type, ACK, 0, type === FRAME.PING ? payload : Buffer.alloc(0));
    }
  }
}

/** A message in gRPC's framing: flag, length, bytes. */
export function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

/** HPACK: a literal header without indexing, no Huffman. RFC 7541, section 6.2.2. */
function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), hpackString(name), hpackString(value)]);
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.byteLength < 127) return Buffer.concat([Buffer.from([bytes.byteLength]), bytes]);
  const length: number[] = [127];
  for (let rest = bytes.byteLength - 127; ; rest >>= 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
