import { openCommitPerPublish } from "./commit-per-publish.js";
import type { Contender, ContenderOptions } from "./contender.js";
import { openEncodePerWatcher } from "./encode-per-watcher.js";
import { openMillrace, openMillraceInMemory } from "./millrace.js";
import { openNiceGrpc } from "./nice-grpc.js";
import type { ContenderName } from "./start-contender.js";

// A process of its own for each server, so that the engine optimizes for this one alone.

const OPEN: Readonly<Record<ContenderName, (options: ContenderOptions) => Promise<Contender>>> = {
  millrace: openMillrace,
  "millrace in memory": openMillraceInMemory,
  "encode per watcher": openEncodePerWatcher,
  "nice-grpc": openNiceGrpc,
  "commit per publish": openCommitPerPublish,
};

const [, , name = "", dataDir = ""] = process.argv;
const contender = await OPEN[name as ContenderName]({ dataDir });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() });
});
process.once("disconnect", () => void contender.close().finally(() => process.exit()));
process.send?.(contender.port);
