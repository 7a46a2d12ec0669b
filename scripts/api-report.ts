import { existsSync, mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";

import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IConfigFile,
} from "@microsoft/api-extractor";

import { ROOT } from "./root.ts";

/** What users can import, and the committed report of it; its diff is the review of an API change. */
interface EntryPoint {
  /** The package's folder. */
  readonly folder: string;
  /** Its declarations, once built. */
  readonly types: string;
  readonly report: string;
}

const ENTRY_POINTS: readonly EntryPoint[] = [
  entryPoint("shared-types", "index", "shared-types"),
  entryPoint("client-sdk", "index", "client-sdk"),
  entryPoint("client-sdk", "testing/index", "client-sdk-testing"),
  entryPoint("server", "index", "server"),
];

function entryPoint(name: string, module: string, report: string): EntryPoint {
  const folder = join(ROOT, "packages", name);
  return { folder, types: join(folder, "dist", `${module}.d.ts`), report: join(folder, "api", `${report}.api.md`) };
}

/**
 * Everything that users can import from a built entry point, as Markdown.
 *
 * @throws if it is not built
 */
function describeApi(entry: EntryPoint): string {
  using work = mkdtempDisposableSync(join(tmpdir(), "millrace-api-"));
  const config = ExtractorConfig.prepare({
    configObject: extractorConfig(entry, work.path),
    configObjectFullPath: undefined,
    packageJsonFullPath: join(entry.folder, "package.json"),
  });
  const { succeeded } = Extractor.invoke(config, { localBuild: true, messageCallback: beQuietUnlessFatal });
  if (!succeeded) throw new Error(`the declarations of ${entry.types} cannot be read`);
  return readFileSync(join(work.path, basename(entry.report)), "utf8");
}

function beQuietUnlessFatal(message: ExtractorMessage): void {
  message.handled = message.logLevel !== ExtractorLogLevel.Error;
}

function extractorConfig({ folder, types, report }: EntryPoint, workFolder: string): IConfigFile {
  return {
    projectFolder: folder,
    mainEntryPointFilePath: types,
    newlineKind: "lf",
    compiler: { tsconfigFilePath: join(folder, "tsconfig.json") },
    apiReport: {
      enabled: true,
      reportFileName: basename(report, ".api.md"),
      reportFolder: workFolder,
      reportTempFolder: join(workFolder, "temporary"),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      extractorMessageReporting: {
        default: { logLevel: ExtractorLogLevel.None },
        "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
      },
      tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
    },
  };
}

function isCurrent({ report }: EntryPoint, api: string): boolean {
  return existsSync(report) && readFileSync(report, "utf8") === api;
}

function write({ report }: EntryPoint, api: string): void {
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, api);
}

if (import.meta.main) {
  const update = process.argv.includes("--update");
  for (const entry of ENTRY_POINTS) {
    const api = describeApi(entry);
    if (isCurrent(entry, api)) continue;
    const file = relative(ROOT, entry.report);
    console.log(update ? `${file}: written` : `${file}: does not fit what the package exports; mend it with: pnpm api`);
    if (update) write(entry, api);
    else process.exitCode = 1;
  }
}
