import type { WatchedEvent } from "@millrace/client-sdk";

/** An event that is like others but for what is given. */
export function someEvent(
  sequence: number,
  {
    payload = `payload ${String(sequence)}`,
    ...rest
  }: Partial<Omit<WatchedEvent, "payload">> & { payload?: string | Buffer } = {},
): WatchedEvent {
  const bytes = Buffer.from(payload);
  return {
    id: `id-${String(sequence)}`,
    type: "order.created",
    payload: bytes,
    sequence,
    stream: "orders",
    streamRevision: sequence,
    resumeToken: `token-${String(sequence)}`,
    timestamp: new Date("2026-01-02T03:04:05.678Z"),
    publishTime: new Date("2026-01-02T03:04:05.678Z"),
    attributes: {},
    key: "",
    tombstone: false,
    contentType: "",
    source: "",
    previousPayload: undefined,
    text: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as unknown,
    ...rest,
  };
}
