import { describe, expect, it } from "@jest/globals";

import { ScriptedServer } from "./scripted-sync-server.test.support.js";

describe("the identity of a replica", () => {
  it("is a new one when the server has changes that the replica has not made itself, however few they are", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const first = await server.session();
    const { incarnation } = await first.welcome();
    await replica.collection("notes").put("a", 1);
    await first.answer();
    first.end();
    const second = await server.session();
    await second.welcome({ incarnation, lastReplicaSequence: 1 });
    second.end();
    const third = await server.session();
    const hello = await third.expect("hello");
    expect(hello).toMatchObject({ incarnation, replicaId: replica.replicaId });
    third.say({ $case: "welcome", value: { incarnation: "copy", lastReplicaSequence: 1 } });
    const fourth = await server.session();
    const { replicaId } = await fourth.welcome();
    expect(replicaId).not.toBe(hello.replicaId);
    expect(await fourth.answer()).toMatchObject([{ docId: "a", replicaSequence: 1 }]);
  });

  it("is kept when the replica is opened again, even if the server gets what it pushed only after the next welcome", async () => {
    await using server = new ScriptedServer();
    const before = await server.open();
    const first = await server.session();
    const { incarnation } = await first.welcome();
    await before.collection("notes").put("a", 1);
    await first.expect("push");
    await before.close();
    await using replica = await server.open();
    const second = await server.session();
    expect(await second.welcome()).not.toMatchObject({ incarnation });
    await second.expect("push");
    second.end();
    const third = await server.session();
    await third.welcome({ incarnation, lastReplicaSequence: 1 });
    third.checkpoint("third");
    expect(await third.answer()).toMatchObject([{ docId: "a", replicaSequence: 1 }]);
    expect(replica.replicaId).toBe(before.replicaId);
  });
});
