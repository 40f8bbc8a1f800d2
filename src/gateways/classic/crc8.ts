const POLYNOMIAL = 0x31;

const TABLE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = remainder & 0x80 ? (remainder << 1) ^ POLYNOMIAL : remainder << 1;
  }
  return remainder;
});

/**
 * CRC-8 of the bytes from `start` up to `end`: polynomial 0x31, start value 0, highest bit first,
 * no final xor. Of the text "123456789" it is 0xA2.
 */
export function crc8(bytes: Uint8Array, start: number, end: number): number {
  let remainder = 0;
  for (let at = start; at < end; at += 1) remainder = TABLE[remainder ^ bytes[at]!]!;
  return remainder;
}
