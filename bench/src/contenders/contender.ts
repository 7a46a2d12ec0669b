/** A server of `streaming.v1.StreamingService.WatchEvents` and `streaming.v1.EventService.Publish` to be measured. */
export interface Contender {
  readonly port: number;
  close(): Promise<void>;
}

export interface ContenderOptions {
  /** Folder for what is to be durable. */
  readonly dataDir: string;
}
