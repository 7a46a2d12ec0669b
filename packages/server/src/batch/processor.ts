import { invalidField, ServiceError } from "@millrace/shared-types";

import type { Principal } from "../rpc/call-context.js";
import type { Logger } from "../rpc/logger.js";

/** What a processor knows about the item at hand, besides its input. */
export interface ProcessorContext {
  /**
   * Aborts when the processor should stop: the time of the item is over, its stream is gone, or the server stops. A
   * processor that goes on nevertheless is left behind after a second.
   */
  readonly signal: AbortSignal;
  /** 1 for the first attempt of this stream; an item that was cut off by a kill begins at 1 again. */
  readonly attempt: number;
  /**
   * The same in each attempt at this item, also after a kill, and of no other item: make your effect idempotent with
   * it. Items of one caller with the same idempotency key and content share it. 43 characters of base64url.
   */
  readonly idempotencyKey: string;
  readonly batchId: string;
  /** Zero-based position in the batch. */
  readonly index: number;
  /** What the client calls the item; may be empty. */
  readonly itemId: string;
  /** Media type of the payload; may be empty. */
  readonly contentType: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly caller: Principal;
  /** Lines of this log carry the request id of the stream, and the index. */
  readonly log: Logger;
}

/** What a processor gives back: bytes, or a text that is sent as UTF-8; at most 1 MiB. */
export type ProcessorOutput = Uint8Array | string | undefined;

/** What an embedding application says about a processor. See {@link defineProcessor}. */
export interface ProcessorDefinition<Input> {
  /** What it does, for `ListProcessors`. */
  readonly description: string;
  /** Running it twice on one item is harmless, by itself or by its use of `idempotencyKey`. Default false. */
  readonly idempotent?: boolean;
  /**
   * Reads the payload. What it throws is told to the caller: INVALID_ARGUMENT, unless it is a `ServiceError`.
   * Default: the payload as it came.
   */
  readonly decode?: (payload: Uint8Array, context: ProcessorContext) => Input;
  /** Throws if the item cannot be run. Dry runs call this and nothing else, real ones do before `run`. */
  readonly validate?: (input: Input, context: ProcessorContext) => void | Promise<void>;
  /**
   * Does the work. A `ServiceError` becomes the status of the item; anything else is INTERNAL with an id, and its text
   * goes to the log only.
   */
  readonly run: (
    input: Input,
    context: ProcessorContext,
  ) => ProcessorOutput | Promise<ProcessorOutput> | Promise<void> | void;
}

/** A processor whose input type has been forgotten: what `createStreamingServer` takes. Made by {@link defineProcessor}. */
export interface Processor {
  readonly description: string;
  readonly idempotent: boolean;
  /** Throws what is wrong with an item. */
  validate(payload: Uint8Array, context: ProcessorContext): Promise<void>;
  run(payload: Uint8Array, context: ProcessorContext): Promise<Uint8Array>;
}

const NO_BYTES = new Uint8Array(0);

/**
 * A processor for `createStreamingServer({ processors })`. Its input is what `decode` returns.
 *
 * An item that has an outcome is not run again. One that was cut off in the middle (by a kill, a lost stream, a
 * timeout) is: see {@link ProcessorContext.idempotencyKey}.
 */
export function defineProcessor(
  definition: ProcessorDefinition<Uint8Array> & { readonly decode?: undefined },
): Processor;
export function defineProcessor<Input>(
  definition: ProcessorDefinition<Input> & Required<Pick<ProcessorDefinition<Input>, "decode">>,
): Processor;
export function defineProcessor<Input>(definition: ProcessorDefinition<Input>): Processor {
  const { description, idempotent = false, validate, run } = definition;
  const inputOf = (payload: Uint8Array, context: ProcessorContext): Input => decodeWith(definition, payload, context);
  return {
    description,
    idempotent,
    async validate(payload, context) {
      await validate?.(inputOf(payload, context), context);
    },
    async run(payload, context) {
      const input = inputOf(payload, context);
      await validate?.(input, context);
      return bytesOf(await run(input, context));
    },
  };
}

function decodeWith<Input>(
  { decode }: ProcessorDefinition<Input>,
  payload: Uint8Array,
  context: ProcessorContext,
): Input {
  if (decode === undefined) return payload as Input; // by the overloads
  try {
    return decode(payload, context);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw invalidField("payload", error instanceof Error ? error.message : "cannot be read");
  }
}

/** @throws {TypeError} for an output that is none, which a processor in JavaScript can give */
function bytesOf(output: unknown): Uint8Array {
  if (output === undefined) return NO_BYTES;
  if (typeof output === "string") return Buffer.from(output);
  if (output instanceof Uint8Array) return output;
  throw new TypeError(`a processor returned ${typeof output}, not bytes or a text`);
}
