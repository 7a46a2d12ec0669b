import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "@jest/globals";

import { openTemporaryFolder } from "./adapters/embedded/temporary-folder.js";
import { InfoClient } from "./rpc/testing/info-client.js";
import { RawConnection } from "./testing/raw-connection.js";

/** The built program: `pnpm build` goes before. */
const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

interface Program extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Address of the ready line; rejects if the program ends before it. */
  readonly ready: Promise<string>;
  readonly exit: Promise<number | null>;
}

function run(...args: readonly string[]): Program {
  return runWith([], args);
}

function runWith(nodeArgs: readonly string[], args: readonly string[]): Program {
  const child = spawn(process.execPath, [...nodeArgs, MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"], env: {} });
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (text) => (stderr += String(text)));
  const exit = once(child, "close").then(([code]) => code as number | null);
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text) => {
      stdout += String(text);
      const [, address] = /^millrace ready on (.+)\n/.exec(stdout) ?? [];
      if (address !== undefined) resolve(address);
    });
    void exit.then((code) => reject(new Error(`ended with ${String(code)}: ${stderr}`)));
  });
  ready.catch(() => {}); // not every test waits for it
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ready,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

describe("the program", () => {
  test("prints one line when it serves, and drains and exits 0 on SIGTERM and on SIGINT", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using folder = await openTemporaryFolder();
      await using program = run("--port", "0", "--data-dir", folder.path);
      const address = await program.ready;
      using client = new InfoClient(address);
      expect((await client.getServerInfo()).profile).toBe("embedded");
      program.process.kill(signal);
      expect(await program.exit).toBe(0);
      expect(program.stdout()).toBe(`millrace ready on ${address}\n`);
      const lines = program.stderr().trimEnd().split("\n");
      expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(["ready", "draining", "stopped"]);
    }
  });

  test.each(["/proc/none", "/proc/none/data"])("ends where the system makes no folders: %s", async (path) => {
    await using program = run("--port", "0", "--data-dir", path);
    const kill = setTimeout(() => program.process.kill("SIGKILL"), 20_000);
    expect(await program.exit).toBe(1);
    clearTimeout(kill);
    expect(program.stderr()).toMatch(/^millrace-server: .*mkdir '\/proc/);
  });

  test("a second signal ends at once what the first one waits for, and the exit code is 1", async () => {
    await using folder = await openTemporaryFolder();
    await using program = run("--port", "0", "--data-dir", folder.path);
    using raw = await RawConnection.open(Number((await program.ready).split(":")[1]));
    raw.openCall(1, "/streaming.v1.FileService/WriteFile");
    await raw.settingsAcknowledged();
    program.process.kill("SIGTERM");
    await raw.callEnded(1); // the drain now waits until this client half-closes
    program.process.kill("SIGTERM");
    expect(await program.exit).toBe(1);
    expect(program.stderr()).toContain("stopping now");
  });

  test("wrong usage names the key and exits 2, without a word on stdout", async () => {
    await using unknown = run("--prot", "1");
    expect(await unknown.exit).toBe(2);
    expect(unknown.stderr()).toBe('millrace-server: unknown flag "--prot"; did you mean "--port"?\n');
    expect(unknown.stdout()).toBe("");
    await using exposed = run("--host", "0.0.0.0", "--port", "0");
    expect(await exposed.exit).toBe(2);
    expect(exposed.stderr()).toContain("--insecure");
  });

  test("a data directory that another process holds is refused with exit 1", async () => {
    await using folder = await openTemporaryFolder();
    await using first = run("--port", "0", "--data-dir", folder.path);
    await first.ready;
    await using second = run("--port", "0", "--data-dir", folder.path);
    expect(await second.exit).toBe(1);
    expect(second.stderr()).toContain(`another server uses the data directory ${folder.path}`);
  });

  test("a port that is taken is refused with exit 1", async () => {
    await using folder = await openTemporaryFolder();
    await using first = run("--port", "0", "--data-dir", join(folder.path, "a"));
    const port = (await first.ready).split(":")[1] ?? "";
    await using second = run("--port", port, "--data-dir", join(folder.path, "b"));
    expect(await second.exit).toBe(1);
    expect(second.stderr()).toContain("EADDRINUSE");
  });

  test.each([
    ["an exception that nobody caught", 'throw new Error("planted")'],
    ["a rejection that nobody heard", 'void Promise.reject(new Error("planted"))'],
  ])("%s is logged and drains, and the exit code is 1", async (_what, bug) => {
    await using folder = await openTemporaryFolder();
    const onSignal = `data:text/javascript,process.on("SIGUSR2",()=>{${encodeURIComponent(bug)}})`;
    await using program = runWith(["--import", onSignal], ["--port", "0", "--data-dir", folder.path]);
    await program.ready;
    program.process.kill("SIGUSR2");
    expect(await program.exit).toBe(1);
    expect(program.stderr()).toContain("planted");
    expect(program.stderr()).toContain("unforeseen error; draining");
  });
});
