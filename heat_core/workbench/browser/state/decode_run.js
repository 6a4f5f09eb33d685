// Decodes the block of bytes in which Python (heat_core/workbench/payload.py) sends a run.

const ARRAY_TYPES = { f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const paddedLength = (length) => Math.ceil(length / 4) * 4;

/**
 * Decodes a run. The block holds the length of a JSON header as u32, the header padded to 4 bytes, and the arrays that
 * it lists, padded as well. The array `ids` is JSON again.
 * @param {Uint8Array} bytes
 * @returns {object} the header with its arrays, with `pointOf`: the point of each sample, -1 where it is not drawn, and
 *   with `isOod`: 1 for each point of an OOD set, or of what takes its place, and 0 for a known image
 */
export function decodeRun(bytes) {
  const block = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(block).getUint32(0, true), text = new TextDecoder();
  const run = JSON.parse(text.decode(new Uint8Array(block, 4, length)));
  let offset = 4 + paddedLength(length);
  for (const [name, type, count] of run.arrays) {
    run[name] = new ARRAY_TYPES[type](block, offset, count);
    offset += paddedLength(run[name].byteLength);
  }
  run.ids = JSON.parse(text.decode(run.ids));
  run.isOod = Uint8Array.from(run.set, (set) => run.sets[set].ood);
  run.pointOf = new Int32Array(run.total).fill(-1);
  for (let i = 0; i < run.number.length; i++) run.pointOf[run.number[i]] = i;
  return run;
}
