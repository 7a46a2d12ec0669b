/** Upper median; NaN of nothing. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that a share of all is below, such as 0.99; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/** With so many digits behind the point, for tables. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}
