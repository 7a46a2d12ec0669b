import { posix } from "node:path";

import ts from "typescript";

import { CodeMap, type Declaration, membersOf, nodesIn, type RpcKey, serviceOf } from "./code-map.ts";
import type { Sources } from "./sources.ts";

/** Functions of the server's runtime that bind handlers to a service. */
const BINDERS = new Set(["service", "partialService"]);

const isTest = (path: string): boolean => path.endsWith(".test.ts");

/** Where the SDK's API begins: the client, and the object of each domain behind it. */
const isApi = (path: string): boolean => /\/src\/(client|[^/]+\/[^/]+-api)\.ts$/.test(path);

/**
 * The RPCs for which the server has a handler, each with the file that does the work: the one that
 * is named after the RPC, or else the one that has the handler.
 */
export function handlersIn(sources: Sources): ReadonlyMap<RpcKey, string> {
  const code = new CodeMap(below(sources, "packages/server/src/"));
  return new Map(code.declarations.flatMap((declaration) => handlersBoundIn(code, declaration)));
}

function handlersBoundIn(code: CodeMap, { path, node }: Declaration): readonly (readonly [RpcKey, string])[] {
  return [...nodesIn(node)].filter(isBinding).flatMap((call) => {
    const [definition, handlers] = call.arguments;
    const service = serviceOf(definition);
    if (service === undefined || !handlers) return [];
    return handlersBehind(code, path, handlers).map(
      (handler) => [`${service}.${handler.name}`, operationFile(code, handler)] as const,
    );
  });
}

function isBinding(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && ts.isIdentifier(node.expression) && BINDERS.has(node.expression.text);
}

/** The handlers in an object literal, in a constant, in what a function returns, or in what is spread of these. */
function handlersBehind(code: CodeMap, path: string, node: ts.Expression): readonly Declaration[] {
  if (ts.isObjectLiteralExpression(node)) {
    const spread = node.properties.filter(ts.isSpreadAssignment);
    const own = membersOf(node).map((member) => ({ ...member, path }));
    return [...spread.flatMap(({ expression }) => handlersBehind(code, path, expression)), ...own];
  }
  const name = ts.isCallExpression(node) ? node.expression : node;
  const declaration = ts.isIdentifier(name) ? code.lookUp(path, name.text) : undefined;
  return declaration ? membersOf(declaration.node).map((member) => ({ ...member, path: declaration.path })) : [];
}

function operationFile(code: CodeMap, { path, name, node }: Declaration): string {
  const files = [...nodesIn(node)].filter(ts.isIdentifier).map(({ text }) => code.lookUp(path, text)?.path);
  return files.find((file) => file !== undefined && posix.basename(file) === `${kebabCase(name)}.ts`) ?? path;
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The RPCs that the SDK calls, each with the members of its API from which the call is reached: `files.stat`. */
export function sdkMethodsIn(sources: Sources): ReadonlyMap<RpcKey, readonly string[]> {
  const code = new CodeMap(below(sources, "packages/client-sdk/src/"));
  const api = code.declarations.filter(({ path, node }) => isApi(path) && membersOf(node).length > 0);
  const isPartOfApi = (node: ts.Node): boolean => api.some((declaration) => declaration.node === node);
  const found = new Map<RpcKey, string[]>();
  for (const declaration of api) {
    for (const { name, node } of membersOf(declaration.node)) {
      const rpcs = code.rpcsReachedFrom(declaration.path, node, isPartOfApi);
      for (const rpc of rpcs) found.set(rpc, [...(found.get(rpc) ?? []), `${prefixOf(code, api, declaration)}${name}`]);
    }
  }
  return found;
}

/** `files.` for what is behind the member `files` of another object of the API. */
function prefixOf(code: CodeMap, api: readonly Declaration[], target: Declaration): string {
  for (const { path, node } of api.filter((other) => other.node !== target.node)) {
    const owner = membersOf(node).find((member) => mentions(code, path, member.node, target));
    if (owner) return `${owner.name}.`;
  }
  return "";
}

function mentions(code: CodeMap, path: string, node: ts.Node, target: Declaration): boolean {
  return [...nodesIn(node)].some((part) => ts.isIdentifier(part) && code.lookUp(path, part.text)?.node === target.node);
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
