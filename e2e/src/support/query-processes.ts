import { readdir, readFile } from "node:fs/promises";

/** Processes that run queries for the server with this process id. */
export async function queryProcessesOf(serverPid: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await parentOf(pid)) === serverPid ? pid : undefined)));
  return found.filter((pid) => pid !== undefined);
}

async function parentOf(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // it is gone
  }
}
