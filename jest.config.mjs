/**
 * One project per package. Sources are tested directly (no build needed), as ES
 * modules, through the same names that users import.
 */
const shared = {
  rootDir: import.meta.dirname,
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": ["@swc/jest", { jsc: { target: "es2023", parser: { syntax: "typescript" } }, sourceMaps: "inline" }],
  },
  moduleNameMapper: {
    "^@millrace/(client-sdk|server)/testing$": "<rootDir>/packages/$1/src/testing/index.ts",
    "^@millrace/([^/]+)$": "<rootDir>/packages/$1/src/index.ts",
    "^#gen/(.*)\\.js$": "<rootDir>/gen/ts/$1.ts",
    "^(\\.{1,2}/.*)\\.js$": "$1",
  },
};

const project = (displayName, folder) => ({
  ...shared,
  displayName,
  testMatch: [`<rootDir>/${folder}/**/*.test.ts`],
});

export default {
  testTimeout: 30_000,
  // Much of the time goes into waiting for disks: both cores take suites. A worker that has grown is replaced.
  maxWorkers: "100%",
  workerIdleMemoryLimit: "1GB",
  cacheDirectory: "<rootDir>/.jest-cache",
  projects: [
    project("shared-types", "packages/shared-types/src"),
    project("client-sdk", "packages/client-sdk/src"),
    project("server", "packages/server/src"),
    project("cli", "packages/cli/src"),
    project("e2e", "e2e/src"),
    project("scripts", "scripts"),
  ],
};
