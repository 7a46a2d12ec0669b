import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";

import { credentials } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";

import { startTestServer } from "../testing/start-test-server.js";
import { TEST_CERTIFICATE } from "../testing/test-certificate.js";
import { chunk } from "../testing/test-service.js";
import { TestClient } from "./testing/test-client.js";

const { cert, key } = TEST_CERTIFICATE;
const trusting = credentials.createSsl(Buffer.from(cert));
const withCertificate = credentials.createSsl(Buffer.from(cert), Buffer.from(key), Buffer.from(cert));

describe("a server with TLS", () => {
  test("serves a client that trusts its certificate", async () => {
    await using test = await startTestServer(
      { one: async (request) => Promise.resolve(request) },
      { tls: { cert, key: Buffer.from(key) } },
    );
    using client = new TestClient(test.address, {}, trusting);
    expect((await client.one(chunk(3))).numbers).toEqual([3]);
  });

  test("refuses TLS 1.1", async () => {
    await using test = await startTestServer({}, { tls: { cert, key } });
    const ciphers = "DEFAULT@SECLEVEL=0"; // or the client's own library would refuse first
    const old = connect({ port: test.server.port, ca: cert, minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers });
    await expect(once(old, "secureConnect")).rejects.toThrow("protocol version");
  });

  test("outlives clients that break off the handshake", async () => {
    await using test = await startTestServer(
      { one: async (request) => Promise.resolve(request) },
      { tls: { cert, key } },
    );
    for (let n = 0; n < 20; n++) {
      const rude = connectTcp(test.server.port, "127.0.0.1");
      rude.on("error", () => {});
      await once(rude, "connect");
      rude.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, n]));
      if (n % 2 === 0) rude.resetAndDestroy();
      else rude.destroy();
    }
    using client = new TestClient(test.address, {}, trusting);
    expect((await client.one(chunk(3))).numbers).toEqual([3]);
  });

  test("that asks for client certificates turns away a client without one", async () => {
    await using test = await startTestServer(
      { one: async (request) => Promise.resolve(request) },
      { tls: { cert, key, clientCa: cert } },
    );
    using stranger = new TestClient(test.address, {}, trusting);
    expect((await stranger.one(chunk(3), { timeoutMs: 5_000 })).code).toBe(14);
    using friend = new TestClient(test.address, {}, withCertificate);
    expect((await friend.one(chunk(3))).numbers).toEqual([3]);
  });

  test("close leaves no connection", async () => {
    const test = await startTestServer({ one: async (request) => Promise.resolve(request) }, { tls: { cert, key } });
    using client = new TestClient(test.address, {}, trusting);
    await client.one(chunk(3));
    await test.server.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, connections: 0 });
    expect(test.clock.timers).toBe(0);
  });
});
