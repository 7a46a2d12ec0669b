/**
 * A process that runs queries, one at a time, for one caller at a time. It imports only node: modules and what does so
 * too, so that Node runs it straight from this source in tests.
 */
import type { Worker } from "node:worker_threads";

import { failureOf } from "./sqlite-query-failure.js";
import type {
  QueryProcessAnswer,
  QueryProcessLimits,
  QueryProcessRequest,
  QueryProcessSetup,
} from "./sqlite-query-protocol.js";
import { QuerySandbox } from "./sqlite-query-sandbox.js";
import { startWorker } from "./worker-thread.js";

process.once("message", ({ files, limits }: QueryProcessSetup) => {
  startGuard(limits);
  let sandbox = new QuerySandbox(files, limits);
  process.on("message", (request: QueryProcessRequest) => {
    if (request.kind === "open" && sandbox.isOutdated) {
      sandbox[Symbol.dispose]();
      sandbox = new QuerySandbox(files, limits);
    }
    say(answerTo(request, sandbox));
  });
  say({ kind: "ready" });
});

/** A thread that is never asked anything: it watches. */
function startGuard({ maxResidentBytes }: QueryProcessLimits): Worker {
  return startWorker("sqlite-query-guard-worker", { maxResidentBytes });
}

function answerTo(request: QueryProcessRequest, sandbox: QuerySandbox): QueryProcessAnswer {
  try {
    return answer(request, sandbox);
  } catch (error) {
    sandbox.close();
    return { kind: "failed", failure: failureOf(error) };
  }
}

function answer(request: QueryProcessRequest, sandbox: QuerySandbox): QueryProcessAnswer {
  switch (request.kind) {
    case "open": {
      const shape = request.describeOnly ? sandbox.describe(request.statement) : sandbox.open(request.statement);
      return { kind: "opened", ...shape };
    }
    case "read":
      return { kind: "rows", ...sandbox.read(request.limits) };
    case "close":
      sandbox.close();
      return { kind: "ready" };
  }
}

function say(answer: QueryProcessAnswer): void {
  process.send?.(answer);
}
