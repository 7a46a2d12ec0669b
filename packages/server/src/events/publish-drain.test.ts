import { Client, credentials, type StatusObject } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import {
  decodeMessage,
  decodeStatusDetails,
  encodeMessage,
  EventServiceDefinition,
  methodPath,
  PublishStreamRequest,
  PublishStreamResponse,
  STATUS_DETAILS_KEY,
  StatusCode,
} from "@millrace/shared-types";

import type { EventLog } from "../ports/event-log.js";
import { partialService } from "../rpc/bind-service.js";
import { createServer } from "../rpc/create-server.js";
import { latch } from "../testing/latch.js";

import { allEvents, eventOf, logWith, openEventsFixture } from "./events-fixture.test.support.js";
import { publishStream } from "./publish-stream.js";

const PATH = methodPath(EventServiceDefinition, EventServiceDefinition.methods.publishStream);

describe("PublishStream over a connection", () => {
  it("has every append that was taken acknowledged before a drain ends it", async () => {
    await using fixture = await openEventsFixture();
    const asked = latch();
    const durable = latch();
    const append: EventLog["append"] = async (request) => {
      const result = await fixture.log.append(request);
      if (result.revision === 2) asked.open();
      await durable.promise;
      return result;
    };
    const deps = { ...fixture.events, log: logWith(fixture.log, { append }) };
    const service = partialService(EventServiceDefinition, {
      publishStream: (requests, context) => publishStream(requests, context, deps),
    });
    await using server = await createServer({ port: 0, services: [service] });
    const client = new Client(server.address, credentials.createInsecure());
    const call = client.makeBidiStreamRequest(PATH, toBytes, fromBytes);
    const answers: PublishStreamResponse[] = [];
    call.on("data", (answer: PublishStreamResponse) => answers.push(answer));
    call.on("error", () => {}); // the status says it
    const ended = new Promise<StatusObject>((resolve) => call.on("status", resolve));
    for (const requestId of [1, 2]) call.write({ requestId, publish: { stream: "", events: [eventOf()] } });
    await asked.promise;
    const drained = server.drain();
    durable.open();
    const { code, metadata } = await ended;
    await drained;
    client.close();
    expect(answers.map(({ requestId, result }) => [requestId, result?.$case])).toEqual([
      [1, "published"],
      [2, "published"],
    ]);
    const [details] = metadata.get(STATUS_DETAILS_KEY);
    expect([code, decodeStatusDetails(details as Buffer).reason]).toEqual([StatusCode.UNAVAILABLE, "DRAINING"]);
    expect((await allEvents(fixture.log)).events).toHaveLength(2);
  });
});

function toBytes(request: PublishStreamRequest): Buffer {
  return Buffer.from(encodeMessage(PublishStreamRequest, request));
}

function fromBytes(bytes: Buffer): PublishStreamResponse {
  return decodeMessage(PublishStreamResponse, bytes);
}
