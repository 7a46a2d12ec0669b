export * from "./counting-clock.js";
export * from "./eventually.js";
export * from "./fault-link.js";
