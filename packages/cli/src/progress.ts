export { formatBytes } from "./format.js";
export { ProgressBar } from "./progress-bar.js";
export { processTerminal } from "./terminal.js";
