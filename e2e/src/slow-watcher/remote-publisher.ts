import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import type { Load } from "./load.js";

/** A publisher in a process of its own, so that it and the watchers do not share one core. */
export class RemotePublisher implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(target: string) {
    this.#child = fork(join(import.meta.dirname, "..", "publisher-process.js"), [target]);
  }

  /** Resolves with how many events were offered, once all of them are acknowledged. */
  offer(load: Load): Promise<number> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error("the publisher has ended"));
      this.#child.once("exit", onExit);
      this.#child.once("message", (offered: number) => {
        this.#child.off("exit", onExit);
        resolve(offered);
      });
      this.#child.send(load);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
