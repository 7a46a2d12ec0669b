import { FileServiceDefinition, type ResponseOf, type MessageType, FileInfo, ListFilesResponse, GetUploadResponse } from "@millrace/shared-types";
export const a: MessageType<FileInfo> = FileInfo;
export const b: MessageType<ListFilesResponse> = ListFilesResponse;
export type R = ResponseOf<typeof FileServiceDefinition.methods.listFiles>;
export const r: R = 5;
