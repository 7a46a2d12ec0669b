const LOOPBACK_HOST = /^(?:localhost|(?:[^:]+\.)?localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i;

/** Whether a target is a port without a host, of which grpc-js looks up the empty name for ever. */
export function hasNoHost(target: string): boolean {
  return /^(?:dns:(?:\/\/[^/]*\/)?)?:\d+$/.test(target);
}

/**
 * Whether all connections to a target stay on this machine: loopback addresses and unix sockets.
 */
export function isLocalTarget(target: string): boolean {
  if (/^unix(?:-abstract)?:/.test(target)) return true;
  const addresses = target.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, "");
  return addresses.split(",").every((address) => LOOPBACK_HOST.test(hostOf(address)));
}

function hostOf(address: string): string {
  const bracketed = /^\[(.+)\](?::\d+)?$/.exec(address);
  if (bracketed?.[1] !== undefined) return bracketed[1];
  return /^[^:]+:\d+$/.test(address) ? address.slice(0, address.lastIndexOf(":")) : address;
}
