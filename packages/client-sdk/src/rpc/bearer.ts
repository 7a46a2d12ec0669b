import type { AuthProvider } from "../options.js";

/** A token that does not change. */
export function bearer(token: string): AuthProvider {
  return { getHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }) };
}
