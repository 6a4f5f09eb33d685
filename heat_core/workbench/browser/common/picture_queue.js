// Gets pictures from Python by messages, where no server has them: in a notebook. One message asks for several, and the
// next one is sent when they have come, without the pictures that are no longer in the page.

const BATCH = 16; // pictures in a message
const KEPT = 600; // pictures that are kept; the one that was not used for the longest time is dropped first

/**
 * Creates a queue.
 * @param {function(string[])} ask - asks Python for the pictures of some addresses, which answers through `receive`
 * @returns {{load: function(string, function(): boolean): Promise<?string>, receive: function(Array, DataView[]),
 *   stop: function()}} load takes the address of a picture and whether it is still wanted when its turn comes, and
 *   returns an address that the browser can show, null where there is no picture; receive takes [address, media type or
 *   null] of each picture that was asked for, and the bytes of those that have a type
 */
export function createPictureQueue(ask) {
  const kept = new Map(); // address → object URL, or null where there is no picture; the last used at the end
  let waiting = [], asked = null, timer; // asked: the addresses of which Python's answer is awaited
  const flush = () => {
    if (asked) return;
    waiting = waiting.filter(({ isWanted }) => isWanted());
    const addresses = [...new Set(waiting.map(({ address }) => address))].slice(0, BATCH);
    if (!addresses.length) return;
    asked = addresses;
    ask(addresses);
  };
  const keep = (address, url) => {
    kept.delete(address);
    kept.set(address, url);
    if (kept.size > KEPT) drop(kept.keys().next().value);
  };
  const drop = (address) => {
    if (kept.get(address)) URL.revokeObjectURL(kept.get(address));
    kept.delete(address);
  };
  return {
    load(address, isWanted) {
      if (kept.has(address)) {
        keep(address, kept.get(address));
        return Promise.resolve(kept.get(address));
      }
      clearTimeout(timer);
      timer = setTimeout(flush); // Elements that were just created are not in the page yet.
      return new Promise((resolve) => waiting.push({ address, isWanted, resolve }));
    },
    receive(pictures, buffers) {
      const rest = [...buffers];
      for (const [address, type] of pictures) {
        const url = type ? URL.createObjectURL(new Blob([rest.shift()], { type })) : null;
        keep(address, url);
        for (const request of waiting) if (request.address === address) request.resolve(url);
        waiting = waiting.filter((request) => request.address !== address);
      }
      asked = null;
      flush();
    },
    stop() {
      clearTimeout(timer);
      for (const address of [...kept.keys()]) drop(address);
    },
  };
}
