import { runTool } from "./run-tool.ts";

/** An RPC of the contract, as its descriptor says. */
export interface PublishedRpc {
  /** Without its package, such as `FileService`. */
  readonly service: string;
  /** Such as `GetFile`. */
  readonly name: string;
  readonly kind: "unary" | "server streaming" | "client streaming" | "bidi streaming";
  /** Message without its package. */
  readonly request: string;
  /** Message without its package. */
  readonly response: string;
}

/** What is read of google.protobuf.FileDescriptorSet in its JSON form. */
interface DescriptorSet {
  readonly file: readonly {
    readonly service?: readonly { readonly name: string; readonly method?: readonly MethodDescriptor[] }[];
  }[];
}

interface MethodDescriptor {
  readonly name: string;
  readonly inputType: string;
  readonly outputType: string;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
}

/**
 * Every RPC of proto/, in the order of files and of declaration.
 *
 * @throws with buf's words if the contract does not compile
 */
export function publishedRpcs(root: string): readonly PublishedRpc[] {
  const args = ["build", "proto", "--as-file-descriptor-set", "--exclude-imports", "--output", "-#format=json"];
  const { ok, stdout, stderr } = runTool("buf", args, { cwd: root });
  if (!ok) throw new Error(`buf build failed\n${stderr}`);
  const { file } = JSON.parse(stdout) as DescriptorSet;
  return file.flatMap(({ service = [] }) =>
    service.flatMap(({ name, method = [] }) => method.map((descriptor) => toRpc(name, descriptor))),
  );
}

function toRpc(service: string, { name, inputType, outputType, ...streaming }: MethodDescriptor): PublishedRpc {
  return { service, name, kind: kindOf(streaming), request: unqualified(inputType), response: unqualified(outputType) };
}

function kindOf({ clientStreaming = false, serverStreaming = false }: Partial<MethodDescriptor>): PublishedRpc["kind"] {
  if (clientStreaming) return serverStreaming ? "bidi streaming" : "client streaming";
  return serverStreaming ? "server streaming" : "unary";
}

function unqualified(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}
