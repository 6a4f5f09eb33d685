// Packs the selection into base64 text, one bit per sample, as Python (numpy.packbits) reads and sends it.

/**
 * Packs flags into text.
 * @param {Uint8Array|number[]} flags - 0 or 1 for each sample
 * @returns {string} base64
 */
export function packBits(flags) {
  const bytes = new Uint8Array((flags.length + 7) >> 3);
  for (let i = 0; i < flags.length; i++) if (flags[i]) bytes[i >> 3] |= 128 >> (i & 7);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
  return btoa(text);
}

/**
 * Unpacks text into flags, the inverse of `packBits`.
 * @param {string} text - base64
 * @param {Uint8Array} flags - the result is written here
 * @returns {Uint8Array} `flags`
 */
export function unpackBits(text, flags) {
  const bytes = atob(text);
  for (let i = 0; i < flags.length; i++) flags[i] = (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return flags;
}
