import { timestampOfMs } from "@millrace/shared-types";

import { compilePredicate } from "../events/filter/compile-predicate.js";
import { momentOf } from "../events/filter/event-view.js";
import type { FilterSubject, Vocabulary } from "../events/filter/filter-subject.js";
import { jsonPayload } from "../events/filter/json-payload.js";
import type { Outcome } from "../events/filter/values.js";

import type { DocumentVersion, StoredDocument } from "./document.js";

/** Whether a replica follows a document. */
export type DocumentFilter = (docId: string, document: StoredDocument) => boolean;

/** A filter over `doc` and, for JSON, `data`, both of the version that wins. @throws ServiceError `INVALID_FILTER` */
export function documentFilterOf(text: string, maxChars: number): DocumentFilter {
  if (text === "") return () => true;
  const meets = compilePredicate(text, maxChars, DOCUMENTS);
  return (docId, { versions: [version] }) => meets(new DocumentView(docId, version));
}

/** What filters see of a document. */
class DocumentView implements FilterSubject {
  readonly docId: string;
  readonly version: DocumentVersion;
  #content: { readonly value: Outcome } | undefined;

  constructor(docId: string, version: DocumentVersion) {
    this.docId = docId;
    this.version = version;
  }

  get content(): Outcome {
    this.#content ??= { value: jsonPayload(this.version.contentType, this.version.content) };
    return this.#content.value;
  }
}

const NO_VERSION: DocumentVersion = {
  time: { wallMs: 0, counter: 0, nodeId: "" },
  replicaId: "",
  replicaSequence: 0,
  userId: "",
  contentType: "",
  content: new Uint8Array(0),
};

const DOCUMENTS: Vocabulary<DocumentView> = {
  name: "doc",
  contentName: "data",
  fields: new Map<string, (view: DocumentView) => Outcome>([
    ["id", ({ docId }) => docId],
    ["time", ({ version }) => momentOf(timestampOfMs(version.time.wallMs))],
    ["user_id", ({ version }) => version.userId],
    ["content_type", ({ version }) => version.contentType],
  ]),
  conditions: new Set(),
  empty: new DocumentView("", NO_VERSION),
};
