import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, StreamingError } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const directory = await mkdtemp(join(tmpdir(), "example-01-"));
await using server = await createStreamingServer({ port: 0 });
await using client = createClient({ target: server.address });

const { fileId, size } = await client.files.upload(Buffer.from("hello, stream\n"), {
  filename: "greetings/hello.txt",
  contentType: "text/plain",
  metadata: { language: "en" },
});
console.log(`uploaded ${size} bytes`);

for await (const file of client.files.list({ prefix: "greetings/" })) {
  console.log(`${file.filename} is ${file.contentType} in ${file.metadata["language"]}`);
}

// To a path: checked, durable, and there at once or not at all.
const path = join(directory, "hello.txt");
await client.files.downloadTo(fileId, path);
console.log(`downloaded: ${(await readFile(path, "utf8")).trim()}`);

// As a stream: any part, at the pace of the loop.
for await (const { offset, content } of client.files.download(fileId, { start: 7 })) {
  console.log(`from byte ${offset}: ${Buffer.from(content).toString().trim()}`);
}

await client.files.delete(fileId);
try {
  await client.files.stat(fileId);
} catch (error) {
  if (!StreamingError.is(error)) throw error;
  console.log(`afterwards: ${error.codeName} ${error.reason}`);
}
await rm(directory, { recursive: true });
