import { describe, expect, test } from "@jest/globals";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { encodeMessage, FileChunk } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { grpcFrame, RawConnection } from "../testing/raw-connection.js";
import { RecordingLogger } from "../testing/recording-logger.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk } from "../testing/test-service.js";
import type { CallContext } from "./call-context.js";
import { http2OptionsOf, http2ServersOf } from "./grpc-internals.js";
import { tuneSessions, tuneSettings } from "./http2-tuning.js";
import { resolveOptions } from "./server-options.js";

const SETTINGS = 4;
const WINDOW_UPDATE = 8;
const ONE = "/test.v1.TestService/One";

async function contextOfCallWith(timeout: string): Promise<CallContext> {
  const seen = latch<CallContext>();
  await using test = await startTestServer({
    one: async (request, context) => {
      seen.open(context);
      return Promise.resolve(request);
    },
  });
  using raw = await RawConnection.open(test.server.port);
  raw.openCall(1, ONE, { "grpc-timeout": timeout });
  raw.data(1, grpcFrame(encodeMessage(FileChunk, chunk(1))), { end: true });
  await raw.callEnded(1);
  return await seen.promise;
}

describe("what we reach for inside of grpc-js", () => {
  test("is there in this version: HTTP/2 options and servers", () => {
    const server = new Server();
    expect(http2OptionsOf(server)).toBeDefined();
    server.createConnectionInjector(ServerCredentials.createInsecure()).destroy();
    expect(http2ServersOf(server)).toHaveLength(1);
    server.forceShutdown();
  });

  test("is done without if it is not there, and the log says so", () => {
    const stranger = {} as Server;
    const log = new RecordingLogger();
    const { limits } = resolveOptions({});
    tuneSettings(stranger, limits, log);
    tuneSessions(stranger, limits, log);
    expect(log.lines.map(({ level }) => level)).toEqual(["warn", "warn"]);
  });
});

describe("a connection", () => {
  test("tells the client our settings and opens the receive window", async () => {
    await using test = await startTestServer({}, { limits: { receiveWindowBytes: 2 ** 20, maxHeaderBytes: 8_192 } });
    using raw = await RawConnection.open(test.server.port);
    await raw.settingsAcknowledged();
    const settings = raw.frames.find(({ type, flags }) => type === SETTINGS && flags === 0)?.payload ?? Buffer.alloc(0);
    expect(settingsOf(settings)).toMatchObject({ 3: 100, 4: 2 ** 20, 6: 8_192 });
    const update = raw.frames.find(({ type, streamId }) => type === WINDOW_UPDATE && streamId === 0);
    expect(update?.payload.readUInt32BE(0)).toBe(2 ** 20 - 65_535);
  });

  test("a deadline beyond 24.8 days is none, and not one in the past", async () => {
    expect((await contextOfCallWith("99999999H")).deadline).toBeUndefined();
    expect((await contextOfCallWith("2147484S")).deadline).toBeUndefined();
  });

  test("a deadline within 24.8 days is kept", async () => {
    const { deadline } = await contextOfCallWith("500H");
    expect((deadline?.getTime() ?? 0) - Date.now()).toBeGreaterThan(499 * 3_600_000);
  });

  test("a deadline that is over at once is DEADLINE_EXCEEDED", async () => {
    await using test = await startTestServer(
      { one: async () => new Promise(() => {}) },
      { timeouts: { handlerStopMs: 1 } },
    );
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, ONE, { "grpc-timeout": "1n" });
    await raw.callEnded(1);
    const { code } = test.log.lines.find(({ message }) => message === "call ended")?.fields ?? {};
    expect(code).toBe("DEADLINE_EXCEEDED");
  });
});

function settingsOf(payload: Buffer): Record<number, number> {
  const settings: Record<number, number> = {};
  for (let at = 0; at < payload.byteLength; at += 6) settings[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2);
  return settings;
}
