import { posix } from "node:path";

import { type Import, importsOf } from "./imports.ts";
import type { Sources } from "./sources.ts";

/** What a rule sees of one import. */
interface Edge {
  /** File that imports. */
  readonly from: string;
  /** What it imports: a path from the top folder if it is relative, else a package. */
  readonly to: string;
}

interface Rule {
  /** What must hold. */
  readonly name: string;
  readonly broken: (edge: Edge) => boolean;
}

/** Whatever comes to rest on a disk, in a database or in another process or thread. */
const STORAGE =
  /^(node:)?(fs|sqlite|child_process|worker_threads)(\/|$)|^(pg|nats|ioredis|better-sqlite3|@aws-sdk|@nats-io)(\/|-|$)/;

const SOCKETS = /^(node:)?(net|tls|http|https|http2|dgram)$/;

/** Which packages each package may import: dependencies point downwards only. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  "shared-types": [],
  "client-sdk": ["shared-types"],
  server: ["shared-types"],
  cli: ["client-sdk", "shared-types"],
};

const isTest = (path: string): boolean => /\.(test|contract)(\.\w+)?\.ts$/.test(path);
const isTestSupport = (path: string): boolean => /^packages\/[^/]+\/src\/testing\//.test(path);
const isServerProgram = (path: string): boolean => /^packages\/server\/src\/(main|config)(\.test)?\.ts$/.test(path);
const isPackage = (path: string): boolean => path.startsWith("packages/");

/** Folder right below a package's `src`, or "" for the files at its top. */
const layerOf = (path: string): string => /^packages\/[^/]+\/src\/([^/]+)\//.exec(path)?.[1] ?? "";

/** `packages/server` for a file below it, `e2e` for one of the workspace's other members. */
const memberOf = (path: string): string => /^(packages|examples)\/[^/]+|^[^/]+/.exec(path)?.[0] ?? path;

const RULES: readonly Rule[] = [
  {
    name: "only rpc/ knows grpc-js",
    broken: ({ from, to }) => isPackage(from) && !isTest(from) && to.startsWith("@grpc/") && layerOf(from) !== "rpc",
  },
  {
    name: "only adapters/ (and main, config, the command line, the SDK's files/ and its replicas' store) know disks, databases and processes",
    broken: ({ from, to }) => isPackage(from) && STORAGE.test(to) && !mayTouchStorage(from),
  },
  {
    name: "only rpc/ and adapters/ know sockets",
    broken: ({ from, to }) =>
      isPackage(from) &&
      SOCKETS.test(to) &&
      !isTest(from) &&
      !isTestSupport(from) &&
      !["rpc", "adapters"].includes(layerOf(from)),
  },
  {
    name: "only shared-types imports generated code",
    broken: ({ from, to }) =>
      /^(#gen|gen|@millrace\/gen)(\/|$)/.test(to) && !["gen", "packages/shared-types"].includes(memberOf(from)),
  },
  {
    name: "dependencies between packages point downwards",
    broken: ({ from, to }) => {
      const [, importer] = /^packages\/([^/]+)\//.exec(from) ?? [];
      const [, imported] = /^@millrace\/([^/]+)/.exec(to) ?? [];
      return importer !== undefined && imported !== undefined && !BELOW[importer]?.includes(imported);
    },
  },
  {
    name: "a package is entered by its name, not by a path",
    broken: ({ from, to }) =>
      isPackage(to) ? memberOf(to) !== memberOf(from) : /^@millrace\/[^/]+\/(dist|src)(\/|$)/.test(to),
  },
  {
    name: "ports know nothing above them",
    broken: ({ from, to }) =>
      layerOf(from) === "ports" &&
      !isTest(from) &&
      (isPackage(to) ? layerOf(to) !== "ports" : !/^(@millrace\/shared-types$|node:)/.test(to)),
  },
  {
    name: "adapters know nothing above the ports",
    broken: ({ from, to }) =>
      layerOf(from) === "adapters" && isPackage(to) && !isTest(from) && !["adapters", "ports"].includes(layerOf(to)),
  },
  {
    // health/ is the standard service that every runtime brings.
    name: "the runtime knows no domain and no adapter",
    broken: ({ from, to }) =>
      layerOf(from) === "rpc" &&
      isPackage(to) &&
      !isTest(from) &&
      !["rpc", "ports", "health", ""].includes(layerOf(to)),
  },
  {
    name: "domains reach adapters through ports",
    broken: ({ from, to }) =>
      layerOf(to) === "adapters" && !["adapters", ""].includes(layerOf(from)) && !isTest(from) && !isTestSupport(from),
  },
];

function mayTouchStorage(path: string): boolean {
  return (
    isTest(path) ||
    isTestSupport(path) ||
    isServerProgram(path) ||
    path.startsWith("packages/cli/") ||
    path.startsWith("packages/server/src/adapters/") ||
    path.startsWith("packages/client-sdk/src/files/") ||
    path === "packages/client-sdk/src/sync/sqlite-replica-store.ts"
  );
}

/** Names that say nothing about what is inside. */
const EMPTY_NAME = /(^|[/.-])(utils?|helpers?|common|managers?|misc)(?=[/.-])/;

/** Lines of the form `file:line: what is wrong`, one for each way in which `sources` break a rule. */
export function violationsOf(sources: Sources): readonly string[] {
  return [...sources].flatMap(([path, source]) => [
    ...(EMPTY_NAME.test(path) ? [`${path}: a name says what is inside`] : []),
    ...importsOf(path, source).flatMap((found) => violationsOfImport(path, found)),
  ]);
}

function violationsOfImport(from: string, { specifier, line }: Import): readonly string[] {
  if (specifier === undefined)
    return isPackage(from) && !isTest(from) ? [`${from}:${line}: a module is named by a literal`] : [];
  const to = specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : specifier;
  return RULES.filter(({ broken }) => broken({ from, to })).map(
    ({ name }) => `${from}:${line}: ${name} (${specifier})`,
  );
}
