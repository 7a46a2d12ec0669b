import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

// The demo runs this from its source: it imports node: modules alone.

/**
 * The built programs: with callers whom nobody asks who they are, with callers who say so in `x-user`, and with a
 * processor of its own.
 */
const PROGRAMS = {
  anonymous: fileURLToPath(new URL("../../../packages/server/dist/main.js", import.meta.url)),
  identified: fileURLToPath(new URL("../../dist/support/identity-server.js", import.meta.url)),
  batch: fileURLToPath(new URL("../../dist/support/batch-server.js", import.meta.url)),
};

const READY = /^millrace ready on (?<host>.+):(?<port>\d+)$/;

/** The server as a process of its own, as an operator runs it. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly target: string;
  /** Resident memory, in bytes. */
  residentBytes(): Promise<number>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code after the drain. */
  terminate(): Promise<number | null>;
}

export interface ServerProcessOptions {
  readonly dataDir: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: anonymous. */
  readonly callers?: keyof typeof PROGRAMS;
}

/** Starts the built server and waits until it says that it can serve. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { dataDir, port = 0, callers = "anonymous" } = options;
  const args = [PROGRAMS[callers], "--port", String(port), "--data-dir", dataDir, "--log-level", "error"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const actualPort = await readyPort(child, exited);
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
    return child.exitCode;
  };
  return {
    pid: child.pid ?? 0,
    port: actualPort,
    target: `127.0.0.1:${String(actualPort)}`,
    residentBytes: () => residentBytes(child),
    kill: async () => void (await stop("SIGKILL")),
    terminate: () => stop("SIGTERM"),
    [Symbol.asyncDispose]: async () => void (await stop("SIGKILL")),
  };
}

async function readyPort(child: ChildProcess, exited: Promise<unknown>): Promise<number> {
  if (child.stdout === null) throw new Error("the server's stdout is not piped");
  const lines = createInterface({ input: child.stdout });
  const firstLine = once(lines, "line").then(([line]) => String(line));
  const line = await Promise.race([firstLine, exited.then(() => undefined)]);
  const match = line === undefined ? null : READY.exec(line);
  if (match?.groups === undefined) throw new Error(`the server did not become ready: ${String(line)}`);
  return Number(match.groups["port"]);
}

async function residentBytes({ pid }: ChildProcess): Promise<number> {
  const resident = await residentOf(pid);
  if (resident === undefined) throw new Error("the server is gone");
  return resident.bytes;
}

/** Memory of a process, as Linux counts it. */
export interface Resident {
  /** Now, in bytes. */
  readonly bytes: number;
  /** The most that it ever was. */
  readonly peak: number;
}

/** What a process takes; `undefined` if it is gone. */
export async function residentOf(pid: number | undefined): Promise<Resident | undefined> {
  try {
    const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
    return { bytes: bytesIn(status, "VmRSS"), peak: bytesIn(status, "VmHWM") };
  } catch {
    return undefined;
  }
}

function bytesIn(status: string, name: "VmRSS" | "VmHWM"): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`no ${name} in /proc`);
  return Number(kibibytes) * 1024;
}
