import { describe, expect, it } from "@jest/globals";
import { UploadState } from "@millrace/shared-types";

import {
  chunk,
  collect,
  contextOf,
  cutAfter,
  openFilesFixture,
  pushStream,
  randomContent,
  seedChunks,
  sessionOf,
  sha256,
  specOf,
  streamOf,
} from "./files-fixture.test.support.js";
import { writeFile } from "./write-file.js";

describe("WriteFile", () => {
  it("answers a flush and a query, and in the end with the file", async () => {
    await using fixture = await openFilesFixture();
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), fixture.files);
    const first = acks.next();
    await stream.push(chunk({ spec: specOf({ filename: "f" }), content: Buffer.from("abc") }));
    const { uploadId, committedSize } = (await first).value ?? { uploadId: "", committedSize: -1 };
    expect(committedSize).toBe(0);
    expect((await sessionOf(fixture.files, uploadId)).state).toBe(UploadState.OPEN);
    const flushed = acks.next();
    await stream.push(chunk({ content: Buffer.from("de"), offset: 3, flush: true }));
    expect((await flushed).value).toMatchObject({ uploadId, committedSize: 5 });
    const queried = acks.next();
    await stream.push(chunk({ offset: 5, queryStatus: true }));
    expect((await queried).value).toMatchObject({ uploadId, committedSize: 5 });
    void stream.push(chunk({ content: Buffer.from("f"), offset: 5, finishWrite: true }));
    const rest = await collect(acks);
    expect(rest.at(-1)).toMatchObject({
      committedSize: 6,
      file: { size: 6, checksums: { sha256: sha256(Buffer.from("abcdef")) } },
    });
  });

  it("publishes a session of its own at a half-close, and keeps it at a cut", async () => {
    await using fixture = await openFilesFixture();
    const whole = await collect(
      writeFile(streamOf(...seedChunks("f", randomContent(100_000))), contextOf(), fixture.files),
    );
    expect(whole.at(-1)).toMatchObject({ committedSize: 100_000, file: { filename: "f" } });
    const acks = writeFile(
      cutAfter(new Error("lost"), ...seedChunks("g", randomContent(1000))),
      contextOf(),
      fixture.files,
    );
    const { uploadId } = (await acks.next()).value ?? { uploadId: "" };
    await expect(collect(acks)).rejects.toThrow("lost");
    expect(await sessionOf(fixture.files, uploadId)).toMatchObject({ committedSize: 1000, state: UploadState.OPEN });
  });

  it("refuses a stream without any message", async () => {
    await using fixture = await openFilesFixture();
    await expect(collect(writeFile(streamOf(), contextOf(), fixture.files))).rejects.toMatchObject({
      reason: "PROTOCOL_VIOLATION",
    });
  });

  it("keeps the bytes when the client stops reading answers and goes away", async () => {
    await using fixture = await openFilesFixture();
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), fixture.files);
    const first = acks.next();
    await stream.push(chunk({ filename: "f", content: Buffer.from("abc") }));
    const { uploadId } = (await first).value ?? { uploadId: "" };
    await acks.return();
    expect((await sessionOf(fixture.files, uploadId)).committedSize).toBe(3);
    stream.cut(new Error("gone"));
  });

  it("says that it is alive while a long file is verified", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    let verified = (): void => {};
    const waiting = new Promise<void>((resolve) => (verified = resolve));
    let began = (): void => {};
    const beginning = new Promise<void>((resolve) => (began = resolve));
    const blobs = Object.create(files.blobs, {
      stage: {
        value: async (id: string) => {
          const staged = await files.blobs.stage(id);
          const digest = staged.digest.bind(staged);
          staged.digest = async (...parameters) => {
            began();
            await waiting;
            return digest(...parameters);
          };
          return staged;
        },
      },
    }) as typeof files.blobs;
    const acks = writeFile(
      streamOf(chunk({ filename: "f", content: Buffer.from("abc"), finishWrite: true })),
      contextOf(),
      { ...files, blobs },
    );
    const seen = [(await acks.next()).value];
    let next = acks.next();
    await beginning;
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1000);
      seen.push((await next).value);
      next = acks.next();
    }
    verified();
    expect(seen.every((ack) => ack !== undefined && ack.file === undefined)).toBe(true);
    const last = (await collect(acks)).at(-1) ?? (await next).value;
    expect(last?.file?.size).toBe(3);
  });
});
