export { CountingClock } from "./counting-clock.js";
export { eventually } from "./eventually.js";
export type { FaultProxyConditions } from "./fault-link.js";
export {
  type FaultPlan,
  type FaultPlanner,
  type PlannedCall,
  randomFaults,
  type RandomFaultOptions,
  type Traffic,
} from "./fault-plan.js";
export { type FaultProxy, openFaultProxy } from "./fault-proxy.js";
export { type FaultControls, type FaultOptions, faulty } from "./fault-transport.js";
export type { InMemoryCallContext, InMemoryLog } from "./in-memory-context.js";
export type { Serve } from "./in-memory-server.js";
export {
  createInMemoryTransport,
  type InMemoryTransport,
  type InMemoryTransportOptions,
} from "./in-memory-transport.js";
export { latch, type Latch } from "./latch.js";
export { seededRandom } from "./seeded-random.js";
export { type ContractHandlers, ContractItem, ContractService } from "./stream-contract/contract-service.js";
export {
  type ContractCell,
  describeStreamContract,
  runScenario,
  STREAM_CONTRACT,
  streamContractTable,
  type TestRunner,
} from "./stream-contract/describe-stream-contract.js";
export type {
  ContractClient,
  ContractContext,
  ContractHarness,
  ContractStage,
  LiveCounts,
  StageOptions,
  TestClock,
} from "./stream-contract/harness.js";
export { createInMemoryHarness } from "./stream-contract/in-memory-harness.js";
export { type CellRecord, repeatStreamContract, type RepeatOptions } from "./stream-contract/repeat-stream-contract.js";
export type { Scenario } from "./stream-contract/scenario.js";
export { tally, type Tally } from "./tally.js";
export { VirtualClock } from "./virtual-clock.js";
export { watchdog, within } from "./within.js";
