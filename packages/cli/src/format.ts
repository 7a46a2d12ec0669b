const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes for people, such as `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? String(Math.round(value)) : value.toFixed(1)} ${UNITS[power] ?? "B"}`;
}

/** A span of time for people, such as `0:07` or `2:03:04`; `-:--` if it has no end. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "-:--";
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = String(Math.floor((whole % 3600) / 60));
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${String(hours)}:${minutes.padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
