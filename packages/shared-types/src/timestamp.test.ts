import { describe, expect, test } from "@jest/globals";

import { durationOfMs, msOfDuration, msOfTimestamp, timestampOfMs, toDate, toTimestamp } from "./timestamp.js";

describe("a timestamp", () => {
  test.each([
    ["1970-01-01T00:00:00.000Z", 0, 0],
    ["1969-12-31T23:59:59.999Z", -1, 999_000_000],
    ["2026-11-21T03:00:00.123Z", 1_795_230_000, 123_000_000],
    ["0001-01-01T00:00:00.000Z", -62_135_596_800, 0],
    ["9999-12-31T23:59:59.999Z", 253_402_300_799, 999_000_000],
  ])("of %s has non-negative nanos and comes back the same", (text, seconds, nanos) => {
    expect(toTimestamp(new Date(text))).toEqual({ seconds, nanos });
    expect(toDate({ seconds, nanos }).toISOString()).toBe(text);
  });

  test("is cut to milliseconds towards the past when it becomes a date", () => {
    expect(msOfTimestamp({ seconds: -1, nanos: 999_999_999 })).toBe(-1);
    expect(timestampOfMs(-1)).toEqual({ seconds: -1, nanos: 999_000_000 });
  });

  test("outside of the years 1 to 9999 is refused both ways, never an invalid date", () => {
    expect(() => toTimestamp(new Date(Number.NaN))).toThrow(RangeError);
    expect(() => toTimestamp(new Date("+010000-01-01T00:00:00Z"))).toThrow(RangeError);
    expect(() => toDate({ seconds: 253_402_300_800, nanos: 0 })).toThrow(RangeError);
    expect(() => toDate({ seconds: -62_135_596_801, nanos: 0 })).toThrow(RangeError);
    expect(() => toDate({ seconds: 0, nanos: 1_000_000_000 })).toThrow(RangeError);
    expect(() => toDate({ seconds: 0, nanos: -1 })).toThrow(RangeError);
  });
});

describe("a duration", () => {
  test.each([
    [0, 0, 0],
    [1500, 1, 500_000_000],
    [-1500, -1, -500_000_000],
    [-0.5, 0, -500_000],
    [0.000_001, 0, 1],
    [86_400_000, 86_400, 0],
  ])("of %d ms has seconds and nanos of one sign and comes back the same", (ms, seconds, nanos) => {
    expect(durationOfMs(ms)).toEqual({ seconds, nanos });
    expect(msOfDuration({ seconds, nanos })).toBeCloseTo(ms, 6);
  });

  test("that rounds up to a whole second carries over", () => {
    expect(durationOfMs(999.999_999_9)).toEqual({ seconds: 1, nanos: 0 });
    expect(durationOfMs(-999.999_999_9)).toEqual({ seconds: -1, nanos: 0 });
  });

  test("that is endless, no number, too long or of two signs is refused", () => {
    for (const ms of [Number.NaN, Infinity, 315_576_000_001_000]) expect(() => durationOfMs(ms)).toThrow(RangeError);
    expect(() => msOfDuration({ seconds: 1, nanos: -1 })).toThrow(RangeError);
    expect(() => msOfDuration({ seconds: 0, nanos: 1_000_000_000 })).toThrow(RangeError);
  });
});
