import { describe, expect, it } from "@jest/globals";

import { openChat } from "./open-chat.test.support.js";

describe("without joining, the chat", () => {
  it("sends a message once, however often it takes", async () => {
    let calls = 0;
    await using opened = openChat(() => (calls++ < 2 ? { dropAck: true } : undefined));
    expect(await opened.chat.send("lobby", "hello")).toMatchObject({ sequence: 1, duplicate: true });
    expect(opened.server.texts("lobby")).toEqual(["hello"]);
  });

  it("reads history both ways, page by page, between bounds", async () => {
    await using opened = openChat();
    opened.server.say("lobby", ..."a b c d e f g h i j".split(" "));
    const read = async (options: object): Promise<string> => {
      let texts = "";
      for await (const { content, epoch } of opened.chat.history("lobby", options))
        texts += epoch === "e1" ? content : "?";
      return texts;
    };
    expect(await read({ pageSize: 3 })).toBe("abcdefghij");
    expect(await read({ pageSize: 3, backwards: true })).toBe("jihgfedcba");
    expect(await read({ after: 2, before: 8, pageSize: 2 })).toBe("cdefg");
    expect(await read({ backwards: true, limit: 4, pageSize: 3 })).toBe("jihg");
    const before = opened.server.pages;
    for await (const _ of opened.chat.history("lobby", { pageSize: 2 })) break;
    expect(opened.server.pages - before).toBe(1);
    expect(() => opened.chat.history("lobby", { from: 1 } as never)).toThrow("unknown option 'from'");
  });

  it("makes, describes, lists, changes and deletes rooms", async () => {
    await using opened = openChat();
    const { rooms } = opened.chat;
    expect(
      await rooms.create({ room: "a", displayName: "A", open: false, members: ["ann"], retentionMs: 60_000 }),
    ).toEqual({
      room: "a",
      displayName: "A",
      open: false,
      members: ["ann"],
      owner: "me",
      createdAt: new Date(0),
      lastSequence: 0,
      firstSequence: 1,
      epoch: "e1",
      retentionMs: 60_000,
    });
    await expect(rooms.create({ room: "a" })).rejects.toMatchObject({ kind: "already-exists" });
    await rooms.create({ room: "b" });
    await rooms.create({ room: "c" });
    const names: string[] = [];
    for await (const { room } of rooms.list({ pageSize: 2 })) names.push(room);
    expect(names).toEqual(["a", "b", "c"]);
    expect(await rooms.updateMembers("a", { add: ["bob"] })).toMatchObject({ room: "a", members: ["bob"] });
    await rooms.delete("a");
    await expect(rooms.get("a")).rejects.toMatchObject({ kind: "not-found" });
    await expect(rooms.create({ name: "x" } as never)).rejects.toThrow("unknown option 'name'");
  });

  it("says who is in a room", async () => {
    await using opened = openChat();
    opened.server.members = [{ userId: "ann", readSequence: 2 }];
    expect(await opened.chat.presence("lobby")).toEqual({
      members: [{ userId: "ann", connections: 1, onlineSince: new Date(0), readSequence: 2 }],
      count: 1,
    });
  });
});
