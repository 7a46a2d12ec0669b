import { describe, expect, it } from "@jest/globals";

import { newEventId } from "./new-event-id.js";

describe("newEventId", () => {
  it("is a UUIDv7 of its moment", () => {
    const nowMs = Date.now() + 1000;
    const id = newEventId(nowMs);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(nowMs);
  });

  it("grows, also within a millisecond, with more than it can count, and with a clock that is set back", () => {
    const nowMs = Date.now() + 2000;
    const ids = [...Array.from({ length: 10_000 }, () => newEventId(nowMs)), newEventId(nowMs - 500), newEventId(1)];
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
  });
});
