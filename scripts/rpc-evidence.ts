import { posix } from "node:path";

import ts from "typescript";

import { CodeMap, membersIn, nodesIn, type RpcKey, serviceOf } from "./code-map.ts";
import type { Sources } from "./sources.ts";

/** Functions of the server's runtime that bind handlers to a service. */
const BINDERS = new Set(["service", "partialService"]);

const isTest = (path: string): boolean => path.endsWith(".test.ts");

/** Where the SDK's API begins: the client and the object of each domain behind it. */
const isApi = (path: string): boolean => /\/src\/(client|[^/]+\/[^/]+-api)\.ts$/.test(path);

/**
 * The RPCs for which the server has a handler, each with the file that does the work: the one that
 * is named after the RPC, or else the one that binds it.
 */
export function handlersIn(sources: Sources): ReadonlyMap<RpcKey, string> {
  const code = new CodeMap(below(sources, "packages/server/src/"));
  return new Map(code.paths.flatMap((path) => handlersBoundIn(code, path)));
}

function handlersBoundIn(code: CodeMap, path: string): readonly (readonly [RpcKey, string])[] {
  return [...nodesIn(code.file(path))].filter(isBinding).flatMap((call) => {
    const [definition, handlers] = call.arguments;
    const service = serviceOf(definition);
    if (service === undefined || !handlers) return [];
    return membersIn(literalBehind(code, path, handlers)).map(
      ({ name, node }) => [`${service}.${name}`, operationFile(code, path, name, node)] as const,
    );
  });
}

function isBinding(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && ts.isIdentifier(node.expression) && BINDERS.has(node.expression.text);
}

function literalBehind(code: CodeMap, path: string, node: ts.Expression): ts.Node {
  return ts.isIdentifier(node) ? (code.declaration(path, node.text) ?? node) : node;
}

function operationFile(code: CodeMap, path: string, method: string, handler: ts.Node): string {
  const files = [...nodesIn(handler)].filter(ts.isIdentifier).map(({ text }) => code.declaredIn(path, text));
  return files.find((file) => file !== undefined && posix.basename(file) === `${kebabCase(method)}.ts`) ?? path;
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The RPCs that the SDK calls, each with the members of its API from which the call is reached: `files.stat`. */
export function sdkMethodsIn(sources: Sources): ReadonlyMap<RpcKey, readonly string[]> {
  const code = new CodeMap(below(sources, "packages/client-sdk/src/"));
  const found = new Map<RpcKey, string[]>();
  for (const path of code.paths.filter(isApi)) {
    for (const { name, node } of membersIn(code.file(path))) {
      const rpcs = code.rpcsReachedFrom(path, node, (file) => file !== path && isApi(file));
      for (const rpc of rpcs) found.set(rpc, [...(found.get(rpc) ?? []), `${domainOf(path)}${name}`]);
    }
  }
  return found;
}

function domainOf(path: string): string {
  return path.endsWith("/client.ts") ? "" : `${posix.basename(path, "-api.ts")}.`;
}

/** The test files that name an RPC, as an identifier or in a string, in the proto's form or in TypeScript's. */
export function testsNaming(sources: Sources, rpcs: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const tests = [...sources].filter(([path]) => isTest(path) && !path.startsWith("scripts/"));
  const words = tests.map(([path, source]) => [path, wordsIn(path, source)] as const);
  return new Map(
    rpcs.map((rpc) => {
      const forms = [rpc, rpc[0]?.toLowerCase() + rpc.slice(1)];
      return [rpc, words.flatMap(([path, said]) => (forms.some((form) => said.has(form)) ? path : []))];
    }),
  );
}

/** Words of identifiers and strings; without what comes from Node, whose `writeFile` is another. */
function wordsIn(path: string, source: string): ReadonlySet<string> {
  const nodes = [...nodesIn(ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true))];
  const texts = nodes.map((node) =>
    ts.isIdentifier(node) || ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) ? node.text : "",
  );
  const words = new Set(texts.flatMap((text) => text.split(/\W+/)));
  return words.difference(new Set(nodes.filter(isImportFromNode).flatMap(namesImportedBy)));
}

function isImportFromNode(node: ts.Node): node is ts.ImportDeclaration {
  return ts.isImportDeclaration(node) && /^["']node:/.test(node.moduleSpecifier.getText());
}

function namesImportedBy(node: ts.ImportDeclaration): readonly string[] {
  return [...nodesIn(node)].filter(ts.isImportSpecifier).map(({ name }) => name.text);
}

function below(sources: Sources, folder: string): Sources {
  return new Map([...sources].filter(([path]) => path.startsWith(folder) && !isTest(path)));
}
