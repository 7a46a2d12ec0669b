import type { ClientClock, ResumePolicy } from "../options.js";
import type { ResumeLoop } from "./resume-loop.js";
import type { Rpc } from "./rpc.js";

/** What the operations of a domain are made of: calls, and what it takes to go on with them. */
export interface ResumingRpc {
  readonly rpc: Rpc;
  readonly clock: ClientClock;
  /** Begins the resume logic of one call; a `policy` that is left out is the client's. */
  readonly openResumeLoop: (call: {
    readonly policy: ResumePolicy | false | undefined;
    readonly signal: AbortSignal | undefined;
  }) => ResumeLoop;
}
