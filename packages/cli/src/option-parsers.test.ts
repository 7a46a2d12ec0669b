import { describe, expect, it } from "@jest/globals";
import { InvalidArgumentError } from "commander";

import { targetOf } from "./option-parsers.js";

describe("the target of a command", () => {
  it.each([
    ["localhost", "localhost:50051"],
    ["example.com:7", "example.com:7"],
    ["127.0.0.1", "127.0.0.1:50051"],
    ["::1", "[::1]:50051"],
    ["[::1]", "[::1]:50051"],
    ["[::1]:7", "[::1]:7"],
    ["dns:7", "dns:7"],
  ])("%s is %s", (text, target) => {
    expect(targetOf(text)).toBe(target);
  });

  it.each(["unix:/run/millrace", "unix:///run/millrace", "dns:///a:1", "dns:a:1", "ipv4:127.0.0.1:7,127.0.0.2:7"])(
    "%s is as gRPC reads it",
    (text) => {
      expect(targetOf(text)).toBe(text);
    },
  );

  it.each(["", ":50051", ":", "a:", "a:0", "a:65536", "a:b", "a:1:2", "http://a:1", "a b:1", "[x]:1", "a/b", "dns:"])(
    "is not %j",
    (text) => {
      expect(() => targetOf(text)).toThrow(InvalidArgumentError);
    },
  );
});
