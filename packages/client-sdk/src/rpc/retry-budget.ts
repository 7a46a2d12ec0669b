const MAX_TOKENS = 10;
const TOKENS_PER_SUCCESS = 0.1;

/**
 * Stops retries while most calls of a client fail, so that retries do not keep down a server that
 * is overloaded. The token bucket of gRPC A6: a retryable failure takes 1 of 10 tokens, a success
 * gives back 0.1, and retries are allowed while more than half are there.
 */
export class RetryBudget {
  #tokens = MAX_TOKENS;

  get allowsRetry(): boolean {
    return this.#tokens > MAX_TOKENS / 2;
  }

  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  succeeded(): void {
    this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKENS_PER_SUCCESS);
  }
}
