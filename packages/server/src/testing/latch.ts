/** Something that happens once and can be waited for, before and after it happened. */
export interface Latch<T = void> {
  readonly promise: Promise<T>;
  readonly isOpen: boolean;
  /** The first call counts. */
  open(value: T): void;
}

/** A latch that is closed until `open` is called: how tests wait for events instead of time. */
export function latch<T = void>(): Latch<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  let isOpen = false;
  return {
    promise,
    get isOpen() {
      return isOpen;
    },
    open(value) {
      isOpen = true;
      resolve(value);
    },
  };
}
