import { FailedPreconditionError } from "../errors.js";
import { checkPublisherOptions } from "./check-event-options.js";
import { toEventDraft } from "./event-message.js";
import type { EventsDeps } from "./events-api.js";
import { PublishBacklog } from "./publish-backlog.js";
import { publishOverStream } from "./publish-over-stream.js";
import type { OutgoingEvent, Published, Publisher, PublisherOptions } from "./types.js";
import { toCallOptions } from "./watch-request.js";

const DEFAULT_PENDING_BYTES = 8 * 1024 * 1024;
const DEFAULT_REQUESTS_IN_FLIGHT = 16;
const DEFAULT_REQUEST_EVENTS = 500;

/** Opens a publisher. See {@link EventsApi.publisher}. */
export function publisher(deps: EventsDeps, options: PublisherOptions = {}): Publisher {
  checkPublisherOptions(options);
  return new EventPublisher(deps, options);
}

class EventPublisher implements Publisher {
  readonly #deps: EventsDeps;
  readonly #options: PublisherOptions;
  readonly #backlog: PublishBacklog;
  #isClosing = false;
  #isRunning = false;
  #wake: () => void = () => {};
  /** What it has given up with. */
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: EventsDeps, options: PublisherOptions) {
    const {
      maxPendingBytes = DEFAULT_PENDING_BYTES,
      maxRequestsInFlight = DEFAULT_REQUESTS_IN_FLIGHT,
      maxRequestEvents = DEFAULT_REQUEST_EVENTS,
    } = options;
    this.#deps = deps;
    this.#options = options;
    this.#backlog = new PublishBacklog({ maxPendingBytes, maxRequestsInFlight, maxRequestEvents });
  }

  get pendingBytes(): number {
    return this.#backlog.pendingBytes;
  }

  get pendingEvents(): number {
    return this.#backlog.pendingEvents;
  }

  publish(event: OutgoingEvent): Promise<Published> {
    const draft = toEventDraft(event, this.#options.stream);
    if (this.#failure !== undefined) return this.#backlog.refuse(this.#failure.error);
    if (this.#isClosing) return this.#backlog.refuse(new FailedPreconditionError("the publisher is closed"));
    const outcome = this.#backlog.add(draft);
    if (this.#isRunning) this.#wake();
    else void this.#run();
    return outcome;
  }

  ready(): Promise<void> {
    return this.#backlog.ready();
  }

  async flush(): Promise<void> {
    await this.#backlog.settled();
    this.#backlog.throwFailure();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#backlog.settled();
    this.#wake();
    this.#backlog.throwFailure();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Runs while something is pending, and as long as its stream is open. Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    const { resume: policy, signal } = this.#options;
    const loop = this.#deps.openResumeLoop({ policy, signal });
    const task = {
      backlog: this.#backlog,
      onOpen: (wake: () => void) => (this.#wake = wake),
      onProgress: () => loop.progressed(),
      isClosing: () => this.#isClosing,
    };
    const call = toCallOptions(this.#options);
    while (this.#backlog.pendingEvents > 0) {
      try {
        await publishOverStream(this.#deps, task, call);
      } catch (error) {
        // Without anything to send, a stream that is lost is not missed.
        if (this.#backlog.pendingEvents > 0) await loop.waitAfter(error).catch((final: unknown) => this.#fail(final));
      }
    }
    this.#wake = () => {};
    this.#isRunning = false;
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#backlog.fail(error);
  }
}
