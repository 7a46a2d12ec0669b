const BARS = "▁▂▃▄▅▆▇█";

/** Values as bars, from the smallest to the largest; a blank where there is none. */
export function sparkline(values: readonly (number | undefined)[]): string {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === undefined) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return values.map((value) => (value === undefined ? " " : barOf(value, min, max))).join("");
}

/** What does not change is shown as a low line. */
function barOf(value: number, min: number, max: number): string {
  const height = max > min ? (value / 2 - min / 2) / (max / 2 - min / 2) : 0; // halves: the difference may be too large a number
  return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))] ?? " ";
}
