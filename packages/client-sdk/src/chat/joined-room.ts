import { CancelledError, InternalError, StreamingError } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import { deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import type { StreamEnd } from "../rpc/streams.js";
import type { ChatDeps } from "./chat-api.js";
import { CHAT_METHOD, gapError } from "./chat-error.js";
import { changeMessage, type SentMessage, textMessage } from "./chat-message.js";
import { checkSendOptions } from "./check-chat-options.js";
import { fetchMissed } from "./fetch-missed.js";
import { Inbox } from "./inbox.js";
import { Outbox } from "./outbox.js";
import { RoomConnection } from "./room-connection.js";
import { tell } from "./tell.js";
import type {
  ChatGap,
  ChatJoinOptions,
  ChatJoinTarget,
  ChatLeaveOptions,
  ChatMember,
  ChatMessage,
  ChatPosition,
  ChatReactOptions,
  ChatReceipt,
  ChatRoom,
  ChatSendOptions,
  OutgoingChatMessage,
} from "./types.js";

/** How long leaving waits for acknowledgements, in milliseconds, unless told otherwise. */
const LEAVE_TIMEOUT_MS = 10_000;

/** A room as its owner has it; the connection keeps it joined meanwhile. */
export class JoinedRoom implements ChatRoom {
  readonly room: string;
  readonly closed: Promise<StreamEnd>;
  /** Resolves when the room is joined for the first time; rejects if it ends before. */
  readonly joined: Promise<void>;
  readonly #deps: ChatDeps;
  readonly #options: ChatJoinOptions;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #connection: RoomConnection;
  readonly #fetches: ResumeLoop;
  /** Settles when nothing of the connection runs any more. */
  readonly #running: Promise<void>;
  /** Aborts when the room has ended. */
  readonly #ended = new AbortController();
  /** Aborts when the consumer gets nothing more, either: after the end it may still fetch what it is behind of. */
  readonly #over = new AbortController();
  readonly #closed = deferred<StreamEnd>();
  readonly #iterator: PullIterator<ChatMessage>;
  #end: StreamEnd | undefined;
  #isTaken = false;
  /** The consumer has it, and has not asked for the next one. */
  #delivered: ChatMessage | undefined;
  #leaving: Promise<void> | undefined;

  constructor(deps: ChatDeps, target: ChatJoinTarget, options: ChatJoinOptions) {
    const { signal } = this.#ended;
    const [inbox, outbox] = [new Inbox(target), new Outbox(deps.clock)];
    const onGap = (gap: ChatGap): void => this.#onGap(gap);
    this.room = target.room;
    this.#deps = deps;
    this.#options = options;
    this.#inbox = inbox;
    this.#outbox = outbox;
    this.#connection = new RoomConnection(deps, { target, options, inbox, outbox, signal, onGap });
    this.#fetches = deps.openResumeLoop({ policy: options.resume, signal: this.#over.signal });
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => void this.#abandon(),
    );
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) this.#onAbort();
    this.closed = this.#closed.promise;
    this.#running = this.#connection.run().then(
      () => this.#close({ type: "completed" }),
      (error: unknown) => this.#fail(error),
    );
    this.joined = Promise.race([this.#connection.joined, this.closed.then(throwUnlessLeft)]);
  }

  get position(): Required<ChatPosition> {
    if (this.#delivered === undefined) return this.#inbox.position;
    const { sequence, epoch } = this.#delivered;
    return { sequence: sequence - 1, epoch };
  }

  get members(): ReadonlyMap<string, ChatMember> {
    return this.#connection.members.view;
  }

  get attempts(): number {
    return this.#connection.attempts;
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChatMessage, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a room can be iterated once");
    this.#isTaken = true;
    return this.#iterator;
  }

  send(message: string | OutgoingChatMessage, options?: ChatSendOptions): Promise<ChatReceipt> {
    return this.#push(() => textMessage(this.room, message), options);
  }

  reply(messageId: string, content: string, options?: ChatSendOptions): Promise<ChatReceipt> {
    return this.send({ content, replyTo: messageId }, options);
  }

  edit(messageId: string, content: string, options?: ChatSendOptions): Promise<ChatReceipt> {
    return this.#push(() => changeMessage(this.room, "edit", messageId, content), options);
  }

  redact(messageId: string, options?: ChatSendOptions): Promise<ChatReceipt> {
    return this.#push(() => changeMessage(this.room, "redact", messageId, ""), options);
  }

  react(messageId: string, reaction: string, options: ChatReactOptions = {}): Promise<ChatReceipt> {
    const { remove, ...send } = options;
    return this.#push(() => changeMessage(this.room, "reaction", messageId, reaction, remove), send);
  }

  typing(active: boolean = true): void {
    this.#connection.typing(active);
  }

  markRead(sequence: number): void {
    if (!Number.isSafeInteger(sequence) || sequence < 1) throw new RangeError(`${String(sequence)} is not a sequence`);
    this.#connection.markRead(sequence);
  }

  leave({ timeoutMs = LEAVE_TIMEOUT_MS }: ChatLeaveOptions = {}): Promise<void> {
    this.#leaving ??= this.#leave(timeoutMs);
    return this.#leaving;
  }

  cancel(reason?: unknown): void {
    this.#cancel(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }

  #push(make: () => SentMessage, options: ChatSendOptions = {}): Promise<ChatReceipt> {
    return handled(this.#pushNow(make, options));
  }

  /** Runs up to the queue at once, so that the order of the calls counts. */
  async #pushNow(make: () => SentMessage, options: ChatSendOptions): Promise<ChatReceipt> {
    checkSendOptions(options);
    return this.#outbox.push(make(), options.signal);
  }

  async #leave(timeoutMs: number): Promise<void> {
    const stop = this.#deps.clock.after(timeoutMs, () => this.#close({ type: "completed" }));
    await this.#untilSent();
    if (this.#end === undefined && !this.#connection.leave()) this.#close({ type: "completed" });
    await this.#running;
    stop();
  }

  /** The consumer has left its loop. */
  async #abandon(): Promise<void> {
    const stop = this.#deps.clock.after(LEAVE_TIMEOUT_MS, () => this.#cancel());
    await this.#untilSent();
    stop();
    this.#cancel();
  }

  /** Takes no more messages and waits for those before, but not for longer than the room goes on. */
  async #untilSent(): Promise<void> {
    this.#outbox.close();
    await this.#outbox.untilEmpty(this.#ended.signal).catch(ignore);
  }

  async #pull(): Promise<ChatMessage | undefined> {
    this.#delivered = undefined;
    for (;;) {
      this.#delivered = this.#inbox.take();
      if (this.#delivered !== undefined) return this.#delivered;
      if (this.#end?.type === "failed") throw this.#end.error;
      if (this.#end?.type === "cancelled") return undefined;
      if (this.#inbox.isBehind) await this.#fetch();
      else if (this.#end === undefined) await this.#inbox.untilChanged(this.#ended.signal).catch(ignore);
      else return undefined;
    }
  }

  /** @throws {StreamingError} if it fails after the room was left; before that the room fails with it */
  async #fetch(): Promise<void> {
    const { headers, signal: caller } = this.#options;
    const signal = caller ? AbortSignal.any([caller, this.#over.signal]) : this.#over.signal;
    const [room, inbox, loop] = [this.room, this.#inbox, this.#fetches];
    try {
      await fetchMissed(this.#deps, { room, inbox, headers, loop, signal, onGap: (gap) => this.#onGap(gap) });
    } catch (error) {
      this.#fail(error);
      if (this.#end?.type === "completed") throw error;
    }
  }

  /** @throws what the room fails with */
  #onGap(gap: ChatGap): void {
    const { onGap } = this.#options;
    if (onGap === undefined) throw gapError(this.room, gap);
    tell(onGap, gap);
  }

  #fail(error: unknown): void {
    this.#close({ type: "failed", error: StreamingError.is(error) ? error : unforeseen(error) });
  }

  #cancel(reason?: unknown): void {
    this.#close({ type: "cancelled" }, reason);
    this.#over.abort(reason);
  }

  /** The first end counts. */
  #close(end: StreamEnd, reason?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#ended.abort(reason);
    if (end.type !== "completed") this.#over.abort(reason);
    this.#outbox.fail(end.type === "failed" ? end.error : leftBefore());
    this.#closed.resolve(end);
  }

  readonly #onAbort = (): void => {
    const { signal } = this.#options;
    if (signal !== undefined) this.#fail(cancelledBy(signal, CHAT_METHOD));
  };
}

function ignore(): void {}

function throwUnlessLeft(end: StreamEnd): void {
  if (end.type === "failed") throw end.error;
}

function leftBefore(): CancelledError {
  return new CancelledError("the room was left before the message was acknowledged", { method: CHAT_METHOD });
}

function unforeseen(cause: unknown): InternalError {
  return new InternalError("the room failed", { method: CHAT_METHOD, cause });
}
