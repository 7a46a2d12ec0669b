/** Items one after the other: what is at hand is given at once, which costs far less than the turns of an async iterator. */
export interface Steps<T> extends Disposable {
  /**
   * The next item; `undefined` when there are no more. Whoever asks has done with the item before, and does not ask again
   * until a promise that it got has settled. Has to fail by itself once its call is to stop.
   */
  next(): T | undefined | Promise<T | undefined>;
}

/** What a handler of a stream returns that gives steps. Nothing is opened before somebody reads. */
export class StepStream<T> implements AsyncIterable<T> {
  /** Begins to read; once. */
  readonly open: () => Promise<Steps<T>>;

  constructor(open: () => Promise<Steps<T>>) {
    this.open = open;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    using steps = await this.open();
    for (let item = await steps.next(); item !== undefined; item = await steps.next()) yield item;
  }
}
