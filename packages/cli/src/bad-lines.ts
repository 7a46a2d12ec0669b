import type { CommandContext } from "./command-context.js";
import { failureLine } from "./failure-line.js";

/** Bad lines that are told one by one. */
const MAX_TOLD = 20;

/** The lines of a file that were left out. */
export class BadLines {
  readonly #context: Pick<CommandContext, "terminal">;
  #count = 0;

  constructor(context: Pick<CommandContext, "terminal">) {
    this.#context = context;
  }

  get count(): number {
    return this.#count;
  }

  add(line: number, message: string): void {
    this.#count++;
    if (this.#count <= MAX_TOLD) this.#context.terminal.err(failureLine(new Error(`line ${String(line)}: ${message}`)));
  }

  throwIfAny(): void {
    if (this.#count > 0) throw new Error(`${String(this.#count)} lines were left out`);
  }
}
