import crc32 from "@node-rs/crc32";

/**
 * CRC32C (Castagnoli) of `data`, an unsigned 32-bit number. With `previous`, the
 * checksum of everything so far: `crc32c(b, crc32c(a))` is that of a followed by b.
 */
export function crc32c(data: Uint8Array, previous = 0): number {
  return crc32.crc32c(data, previous);
}

/** The polynomial x^32 + 0x1EDC6F41 with its bits reversed, as CRC32C works. */
const POLYNOMIAL = 0x82f63b78;

/**
 * CRC32C of a followed by b, from the checksums of the two and the length of b in
 * bytes. Takes 53 steps at most whatever the length: parts that were checked
 * apart need not be read again.
 *
 * @throws {RangeError} if `lengthOfB` is not a non-negative safe integer
 */
export function combineCrc32c(a: number, b: number, lengthOfB: number): number {
  if (!Number.isSafeInteger(lengthOfB) || lengthOfB < 0) {
    throw new RangeError(`not a length in bytes: ${lengthOfB}`);
  }
  return (multiply(powerOfX8(lengthOfB), a) ^ b) >>> 0;
}

/** x^(8n) modulo the polynomial, by repeated squaring. Appending n bytes multiplies a checksum by it. */
function powerOfX8(n: number): number {
  let power = 0x80000000; // x^0: the highest bit is the lowest power
  let square = 0x00800000; // x^8
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

/** Product of two polynomials over GF(2), modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}
