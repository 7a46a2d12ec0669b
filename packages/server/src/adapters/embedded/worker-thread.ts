import { Worker } from "node:worker_threads";

/** Whether this is a test that runs without a build: then threads and processes, too, run from their sources. */
const RUNS_FROM_SOURCE = import.meta.url.endsWith(".ts");

/** A module that lets Node find `x.ts` where a source says `x.js`, as the compiler does. */
export const SOURCE_IMPORTS: string = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    resolve(specifier, context, next) {
      const fromSource = specifier.startsWith(".") && context.parentURL?.endsWith(".ts");
      return next(fromSource ? specifier.replace(/\\.js$/, ".ts") : specifier, context);
    },
  });`)}`;

/** Options that Node needs to run a module of this folder without a word about its experiments. */
export const NODE_OPTIONS: readonly string[] = [
  "--disable-warning=ExperimentalWarning",
  ...(RUNS_FROM_SOURCE ? ["--import", SOURCE_IMPORTS] : []),
];

/** The module beside this one that has this name, without its extension. */
export function moduleUrl(name: string): URL {
  return new URL(`./${name}${RUNS_FROM_SOURCE ? ".ts" : ".js"}`, import.meta.url);
}

/** Starts a thread that runs the module beside this one that has this name, without its extension. */
export function startWorker(name: string, workerData?: unknown): Worker {
  return new Worker(moduleUrl(name), { workerData, execArgv: [...NODE_OPTIONS] });
}

/**
 * The first thing that a thread says.
 *
 * @throws Error that the thread ended with before that
 */
export function firstMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("a thread of the store ended"));
    worker.once("error", reject);
    worker.once("exit", onExit);
    worker.once("message", (message) => {
      worker.off("error", reject);
      worker.off("exit", onExit);
      resolve(message);
    });
  });
}
