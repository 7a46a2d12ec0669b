import type { Outcome } from "./values.js";

/** What a filter looks at: an event, or an item of a dataset. */
export interface FilterSubject {
  /** Its content, if that is JSON; parsed once. */
  readonly content: Outcome;
}

/** What filters can say of one kind of subject. */
export interface Vocabulary<S extends FilterSubject> {
  /** Of the subject, such as `event`. */
  readonly name: string;
  /** Of its content, such as `payload`. */
  readonly contentName: string;
  readonly fields: ReadonlyMap<string, (subject: S) => Outcome>;
  /** Fields that are true or false. */
  readonly conditions: ReadonlySet<string>;
  /** Constants are evaluated on it. */
  readonly empty: S;
}
