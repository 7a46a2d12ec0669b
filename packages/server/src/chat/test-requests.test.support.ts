import type { ChatMessage } from "@millrace/shared-types";

/** Requests as a call has them: read one at a time, until an end or a cut. */
export class TestRequests implements AsyncIterable<ChatMessage> {
  readonly #waiting: ChatMessage[] = [];
  #end: "half-close" | Error | undefined;
  #wake: () => void = () => {};
  #onIdle: (() => void)[] = [];

  push(message: ChatMessage): void {
    this.#waiting.push(message);
    this.#wake();
  }

  end(): void {
    this.#end ??= "half-close";
    this.#wake();
  }

  cut(error: Error): void {
    this.#end = error;
    this.#wake();
    this.#idle();
  }

  untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#wake();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChatMessage> {
    for (;;) {
      if (this.#end instanceof Error) throw this.#end;
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#end === undefined) await this.#untilWoken();
      else return this.#idle();
    }
  }

  #untilWoken(): Promise<void> {
    this.#idle();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #idle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
