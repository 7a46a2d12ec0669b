import { metricErrorOf, metricsUnavailable } from "./sqlite-metric-errors.js";
import type { MetricFailure, MetricWorkerData } from "./sqlite-metric-protocol.js";
import { type LossListener, SqliteThread } from "./sqlite-thread.js";

/** A thread that is started when it is first needed, and again if it could not be. */
export class MetricThread<Request, Results> {
  readonly #worker: string;
  readonly #workerData: MetricWorkerData;
  readonly #onLost: LossListener | undefined;
  #starting: Promise<SqliteThread<Request, Results, MetricFailure>> | undefined;

  constructor(worker: string, workerData: MetricWorkerData, onLost?: LossListener) {
    this.#worker = worker;
    this.#workerData = workerData;
    this.#onLost = onLost;
  }

  started(): Promise<SqliteThread<Request, Results, MetricFailure>> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** As {@link started}, but another one if it has ended. */
  async alive(): Promise<SqliteThread<Request, Results, MetricFailure>> {
    const starting = this.started();
    const thread = await starting;
    if (!thread.hasEnded) return thread;
    if (this.#starting === starting) this.#starting = undefined; // else someone has started another one
    return this.started();
  }

  /** Lets it finish what it was asked, and ends it, if it was started. */
  async close(request: Request): Promise<void> {
    const thread = await this.#starting?.catch(() => undefined);
    await thread?.close(request);
  }

  async #start(): Promise<SqliteThread<Request, Results, MetricFailure>> {
    try {
      const started = await SqliteThread.start<Request, Results, MetricFailure>({
        worker: this.#worker,
        workerData: this.#workerData,
        errorOf: metricErrorOf,
        unavailable: metricsUnavailable,
        onLost: this.#onLost,
      });
      return started.thread;
    } catch (error) {
      this.#starting = undefined;
      throw metricsUnavailable(error);
    }
  }
}
