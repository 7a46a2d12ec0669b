/** What the calls of one client have done since it was made. */
export interface CallCounters {
  started: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Attempts after the first of a unary call. */
  retries: number;
  /** Times that a resumable call was opened again. */
  resumes: number;
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
}

export function callCounters(): CallCounters {
  return {
    started: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    retries: 0,
    resumes: 0,
    messagesSent: 0,
    messagesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };
}
