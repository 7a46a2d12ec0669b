/** What is written at a time, in characters: a write for each line would be most of the work. */
const CHUNK_CHARS = 64 * 1024;

/** Puts lines together for writing. What came before a failure is given before it is thrown. */
export async function* textChunks(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let text = "";
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const line of lines) {
      text += line;
      if (text.length < CHUNK_CHARS) continue;
      yield text;
      text = "";
    }
  } catch (error) {
    failure = { error };
  }
  if (text !== "") yield text;
  if (failure !== undefined) throw failure.error;
}
