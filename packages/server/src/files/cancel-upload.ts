import type { CancelUploadRequest, CancelUploadResponse } from "@millrace/shared-types";
import { resourceNotFound } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { FilesDeps } from "./files-deps.js";
import { getJson, untilCommitted } from "../records/json-records.js";
import type { UploadRecord } from "./upload-record.js";
import { UPLOADS } from "./upload-record.js";
import { abandonUpload } from "./upload-sessions.js";

/** Drops a session and its bytes; streams that write it are ended. A session that has ended stays as it is. */
export function cancelUpload(
  { uploadId }: CancelUploadRequest,
  { principal }: CallContext,
  deps: FilesDeps,
): Promise<CancelUploadResponse> {
  return untilCommitted(async () => {
    const upload = await getJson<UploadRecord>(deps.records, UPLOADS, uploadId);
    if (upload === undefined || upload.value.owner !== principal.id) throw resourceNotFound("upload", uploadId);
    if (upload.value.state === "open") await abandonUpload(deps, upload, "aborted");
    return {};
  });
}
