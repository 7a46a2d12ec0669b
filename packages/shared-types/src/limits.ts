const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** What a server accepts. What a running server really allows is in `InfoService.GetServerInfo`. */
export interface Limits {
  /** A gRPC message, in bytes. A larger one is RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** `FileChunk.content` in an upload, in bytes. A larger one is LIMIT_EXCEEDED. */
  readonly maxChunkBytes: number;
  /** A file, in bytes. A larger one is LIMIT_EXCEEDED as soon as its size is known. */
  readonly maxFileBytes: number;
  /** Life of an upload session to which nothing is written, in milliseconds. */
  readonly uploadTtlMs: number;
  /** Smallest part of a parallel upload, in bytes: what a client asks for is rounded up to it. */
  readonly minPartBytes: number;
  /** A stored event, in bytes. A larger one is LIMIT_EXCEEDED. */
  readonly maxEventBytes: number;
  /** A filter, in characters. A longer one is INVALID_FILTER. */
  readonly maxFilterChars: number;
  /** Series (a metric's name and labels) that are kept. Samples of further ones are refused: QUOTA_EXCEEDED. */
  readonly maxMetricSeries: number;
  /** Items of a batch. More are LIMIT_EXCEEDED. */
  readonly maxBatchItems: number;
  /** `ChatMessage.content`, in bytes. A longer one is LIMIT_EXCEEDED. */
  readonly maxChatMessageBytes: number;
  /** Chat messages of one user in a second, in the long run. More are RATE_LIMITED, or read later. */
  readonly maxChatMessagesPerSecond: number;
}

/** What a server accepts unless it is configured otherwise. */
export const DEFAULT_LIMITS: Limits = {
  maxMessageBytes: 4 * MIB,
  maxChunkBytes: 1 * MIB,
  maxFileBytes: 16 * GIB,
  uploadTtlMs: 24 * 60 * 60 * 1000,
  minPartBytes: 1 * MIB,
  maxEventBytes: 1 * MIB,
  maxFilterChars: 4096,
  maxMetricSeries: 100_000,
  maxBatchItems: 1_000_000,
  maxChatMessageBytes: 16 * KIB,
  maxChatMessagesPerSecond: 10,
};

/** The chunk size that suits most networks, of downloads and of the SDK's uploads, in bytes. */
export const DEFAULT_CHUNK_BYTES: number = 64 * KIB;

/** The smallest chunk size that a download can ask for, in bytes: what is lower is raised to it. */
export const MIN_CHUNK_BYTES: number = 4 * KIB;

/** An upload becomes durable at least each time that this many bytes have come in … */
export const COMMIT_INTERVAL_BYTES: number = 4 * MIB;

/** … and at least this often while bytes come in, in milliseconds. */
export const COMMIT_INTERVAL_MS = 1000;

/** Entries of a page when the request does not say. */
export const DEFAULT_PAGE_SIZE = 100;

/** Most entries of a page: a larger request is clamped. */
export const MAX_PAGE_SIZE = 1000;

/** A file name, in bytes of UTF-8. */
export const MAX_FILENAME_BYTES: number = 1 * KIB;

/** A media type, in bytes of UTF-8. */
export const MAX_CONTENT_TYPE_BYTES = 255;

/** Free metadata of a file: entries. */
export const MAX_METADATA_ENTRIES = 64;

/** Free metadata of a file: bytes of UTF-8 of all keys and values. */
export const MAX_METADATA_BYTES: number = 8 * KIB;

/** An idempotency key, in bytes of UTF-8. */
export const MAX_IDEMPOTENCY_KEY_BYTES = 255;

/** Parts of a parallel upload (what S3 allows). */
export const MAX_PARTS = 10_000;

/** Elements of one message over all its maps and repeated fields: more is MALFORMED_MESSAGE. */
export const MAX_MESSAGE_ELEMENTS = 100_000;

/** Messages inside of messages: deeper is MALFORMED_MESSAGE. */
export const MAX_MESSAGE_DEPTH = 100;

/** Events of one publication. */
export const MAX_PUBLISH_EVENTS = 1000;

/** All events of one publication, in bytes: a reader gets them in one message. */
export const MAX_PUBLISH_BYTES: number = 3 * MIB;

/** An event's id, key or source, and each key of its attributes, in bytes of UTF-8. */
export const MAX_EVENT_NAME_BYTES = 255;

/** Attributes of an event: entries. */
export const MAX_EVENT_ATTRIBUTES = 64;

/** Attributes of an event: bytes of UTF-8 of all keys and values. */
export const MAX_EVENT_ATTRIBUTE_BYTES: number = 16 * KIB;

/** Types, or streams, that one watch can name. */
export const MAX_WATCH_PATTERNS = 128;

/** Events of one message of a batched watch or read: when the request does not say, and at most. */
export const DEFAULT_BATCH_EVENTS = 500;
export const MAX_BATCH_EVENTS = 5000;

/** The room of those who name none. */
export const DEFAULT_CHAT_ROOM = "general";

/** A dataset's item: its key (and its name), in bytes of UTF-8. */
export const MAX_ITEM_KEY_BYTES: number = 1 * KIB;

/** Attributes of an item: entries. */
export const MAX_ITEM_ATTRIBUTES = 64;

/** Attributes of an item: bytes of UTF-8 of all keys and values. */
export const MAX_ITEM_ATTRIBUTE_BYTES: number = 16 * KIB;

/** Changes of one MutateItems request, and their keys and contents in bytes. */
export const MAX_MUTATIONS = 10_000;
export const MAX_MUTATION_BYTES: number = 3 * MIB;

/** Items of a listing that are fetched at a time: when the request does not say, and at most. */
export const DEFAULT_FETCH_ITEMS = 100;
export const MAX_FETCH_ITEMS = 10_000;

/** Messages of a batched listing, in bytes: when the request does not say, and at most. */
export const DEFAULT_LIST_BATCH_BYTES: number = 256 * KIB;
export const MAX_LIST_BATCH_BYTES: number = 2 * MIB;

/** JSON paths that a request can select. */
export const MAX_FIELD_PATHS = 100;

/** A metric's name, a label's name, and a producer's id, in bytes. */
export const MAX_METRIC_NAME_BYTES = 255;

/** Labels of a sample: entries, and bytes of UTF-8 of each value. */
export const MAX_METRIC_LABELS = 30;
export const MAX_METRIC_LABEL_BYTES: number = 1 * KIB;

/** Unit of a metric, in bytes of UTF-8. */
export const MAX_METRIC_UNIT_BYTES = 63;

/** Bins of a distribution. */
export const MAX_DISTRIBUTION_BINS = 4096;

/** Samples of one ExportMetrics request, and of one message of StreamMetrics. */
export const MAX_EXPORT_METRICS = 10_000;

/** How far a sample's timestamp may be ahead of the server's clock, in milliseconds. */
export const MAX_METRIC_AHEAD_MS = 600_000;

/** Windows of one QueryMetrics request, over all groups. */
export const MAX_QUERY_WINDOWS = 100_000;

/** Quantiles of one QueryMetrics request. */
export const MAX_QUERY_QUANTILES = 20;
/** A document of a synchronized collection: its id, in bytes of UTF-8, … */
export const MAX_DOCUMENT_ID_BYTES: number = 1 * KIB;

/** … its content, in bytes, and that of all its siblings … */
export const MAX_DOCUMENT_BYTES: number = 1 * MIB;
export const MAX_SIBLING_BYTES: number = 2 * MIB;

/** … and their number. */
export const MAX_SIBLINGS = 64;

/** Fields of a document whose fields are merged, removed ones included. */
export const MAX_DOCUMENT_FIELDS = 1000;

/** Changes of one push, and their contents in bytes. */
export const MAX_PUSH_CHANGES = 1000;
export const MAX_PUSH_BYTES: number = 2 * MIB;

/** Collections that one replica can follow. */
export const MAX_SYNC_COLLECTIONS = 100;

/** Changes on their way to a replica: when it does not say, and at most. */
export const DEFAULT_SYNC_IN_FLIGHT = 1000;
export const MAX_SYNC_IN_FLIGHT = 10_000;

/** How far ahead of the server the time of a change may be, in milliseconds. */
export const MAX_CLOCK_SKEW_MS = 60_000;

/** A replica's id, in characters of ASCII. */
export const MAX_REPLICA_ID_CHARS = 128;
