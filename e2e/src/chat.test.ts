import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "@jest/globals";
import { type ChatRoom, createClient } from "@millrace/client-sdk";
import { openFaultProxy } from "@millrace/client-sdk/testing";
import { createStreamingServer, type RunningServer } from "@millrace/server";

import { makeTempDir } from "./support/temp-dir.js";

const CLI = fileURLToPath(new URL("../../packages/cli/bin/millrace.js", import.meta.url));

function startServer(dataDir: string, port = 0): Promise<RunningServer> {
  return createStreamingServer({
    port,
    dataDir,
    authenticate: ({ headers }) => ({ id: String(headers["authorization"] ?? "").replace("Bearer ", "") }),
  });
}

async function textsOf(room: ChatRoom, count: number): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { userId, content } of room) if (texts.push(`${userId}: ${content}`) === count) break;
  return texts;
}

/** Runs the built command, as whoever the token says. */
function startCli(target: string, token: string, ...args: readonly string[]) {
  const env = { ...process.env, MILLRACE_TARGET: target, MILLRACE_TOKEN: token };
  const child = spawn(process.execPath, [CLI, ...args], { env });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, exited, stdout: () => text(child.stdout), stderr: text(child.stderr) };
}

describe("a chat over real sockets", () => {
  it("goes on through a black hole, a cut and another server", async () => {
    await using dir = await makeTempDir();
    let server = await startServer(dir.path);
    await using proxy = await openFaultProxy(server.port);
    await using ann = createClient({ target: proxy.target, auth: "ann", resume: { backoff: { maxMs: 200 } } });
    await using bob = createClient({ target: server.address, auth: "bob", resume: { backoff: { maxMs: 200 } } });
    await using annsRoom = await ann.chat.join("lobby", { heartbeatMs: 1000 });
    const bobsRoom = await bob.chat.join("lobby");
    const heard = textsOf(annsRoom, 6);
    const talk = async (round: string): Promise<void> => {
      await Promise.all([bobsRoom.send(round), annsRoom.send(round)]);
    };
    proxy.stall();
    const talking = talk("1");
    // The room of the member behind the black hole finds out by itself, and needs a way around it.
    while (annsRoom.attempts === 1) await new Promise(setImmediate);
    proxy.resume();
    await talking;
    proxy.cut();
    await talk("2");
    const { port } = server;
    await server.close();
    server = await startServer(dir.path, port);
    await talk("3");
    const texts = await heard;
    expect(texts.filter((said) => said.startsWith("ann"))).toEqual(["ann: 1", "ann: 2", "ann: 3"]);
    expect(texts.filter((said) => said.startsWith("bob"))).toEqual(["bob: 1", "bob: 2", "bob: 3"]);
    expect(await textsOf(bobsRoom, 6)).toEqual(texts);
    await server.close();
  });

  it("can be had with the command, in a pipe", async () => {
    await using dir = await makeTempDir();
    await using server = await startServer(dir.path);
    await using ann = createClient({ target: server.address, auth: "ann" });
    await ann.chat.send("lobby", "before");
    const bob = startCli(server.address, "bob", "chat", "lobby", "--history", "1", "--json");
    bob.child.stdin.end("one\ntwo\n");
    const stdout = await bob.stdout();
    expect({ code: await bob.exited, stderr: await bob.stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([
      { userId: "ann", content: "before", sequence: 1 },
      { userId: "bob", content: "one", sequence: 2 },
      { userId: "bob", content: "two", sequence: 3 },
    ]);
  });
});

describe("the commands for events", () => {
  it("publish, watch and end well when their reader has left", async () => {
    await using dir = await makeTempDir();
    await using server = await startServer(dir.path);
    const publish = startCli(server.address, "ann", "publish", "line", "--lines", "--json");
    publish.child.stdin.end("1\n2\n3\n");
    expect((await publish.stdout()).trimEnd().split("\n")).toHaveLength(3);
    expect(await publish.exited).toBe(0);
    const watch = startCli(server.address, "ann", "watch", "--from", "beginning", "--json");
    const [first] = (await once(watch.child.stdout, "data")) as [Buffer];
    expect(JSON.parse(first.toString().split("\n")[0] ?? "")).toMatchObject({ type: "line", payload: "1" });
    watch.child.stdout.destroy();
    const again = startCli(server.address, "ann", "publish", "line", "--data", "4");
    expect(await again.exited).toBe(0);
    expect({ code: await watch.exited, stderr: await watch.stderr }).toEqual({ code: 141, stderr: "" });
  });

  it("say at Ctrl-C where to go on", async () => {
    await using dir = await makeTempDir();
    await using server = await startServer(dir.path);
    expect(await startCli(server.address, "ann", "publish", "a", "--data", "1").exited).toBe(0);
    const watch = startCli(server.address, "ann", "watch", "--from", "beginning");
    await once(watch.child.stdout, "data");
    watch.child.kill("SIGINT");
    expect(await watch.exited).toBe(0);
    const [, token = ""] = /^millrace: go on with --from (\S+)\n$/.exec(await watch.stderr) ?? [];
    expect(await startCli(server.address, "ann", "publish", "b", "--data", "2").exited).toBe(0);
    const next = startCli(server.address, "ann", "watch", "--from", token, "--limit", "1", "--json");
    expect(JSON.parse(await next.stdout())).toMatchObject({ type: "b", payload: "2" });
    expect(await next.exited).toBe(0);
  });
});
