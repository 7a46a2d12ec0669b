import { readFile } from "node:fs/promises";

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
