import type { GetUploadRequest, GetUploadResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { askerOf } from "./asker-of.js";
import type { FilesDeps } from "./files-deps.js";
import { loadUpload, toUploadSession } from "./upload-record.js";
import { findFileOfUpload } from "./upload-sessions.js";

/** Tells how much of a session is durable. */
export async function getUpload(
  { uploadId }: GetUploadRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<GetUploadResponse> {
  const { value } = await loadUpload(deps.records, uploadId, askerOf(context, deps));
  return { upload: toUploadSession(value, await findFileOfUpload(deps.records, value)) };
}
