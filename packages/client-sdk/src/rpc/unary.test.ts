import { once } from "node:events";

import { status as Code } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "@jest/globals";
import { encodeStatusDetails, ServiceError } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { connectTo, duration, metadataOf, NumberService, startTinyServer } from "./tiny-server.test.support.js";

const { double, look } = NumberService.methods;

describe("a unary call", () => {
  it("gives the response, the headers and the trailers", async () => {
    await using server = await startTinyServer({
      double(call, callback) {
        call.sendMetadata(metadataOf({ "x-greeting": "hello" }));
        callback(null, duration(call.request.seconds * 2), metadataOf({ "x-farewell": "bye" }));
      },
    });
    await using client = connectTo(server.target);
    const seen: unknown[] = [];
    const response = await client.rpc.unary(NumberService, double, { seconds: 21 }, {
      onHeaders: (headers) => seen.push(headers["x-greeting"]),
      onTrailers: (trailers) => seen.push(trailers["x-farewell"]),
    });
    expect(response.seconds).toBe(42);
    expect(seen).toEqual(["hello", "bye"]);
  });
});
