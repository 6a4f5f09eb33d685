// The block of bytes in which a run comes from Python, once.

const TYPES = { f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const padded = (length) => Math.ceil(length / 4) * 4;

/** Bytes: u32 length of a JSON header, the header padded to 4 bytes, then the arrays that it lists, padded as well. The
 *  array `ids` is JSON again; `pointOf` is added: the point of every sample, -1 where it is not drawn. */
export function unpack(bytes) {
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(whole).getUint32(0, true), text = new TextDecoder();
  const run = JSON.parse(text.decode(new Uint8Array(whole, 4, length)));
  let at = 4 + padded(length);
  for (const [name, type, count] of run.arrays) {
    run[name] = new TYPES[type](whole, at, count);
    at += padded(run[name].byteLength);
  }
  run.ids = JSON.parse(text.decode(run.ids));
  run.pointOf = new Int32Array(run.total).fill(-1);
  run.number.forEach((number, i) => (run.pointOf[number] = i));
  return run;
}
