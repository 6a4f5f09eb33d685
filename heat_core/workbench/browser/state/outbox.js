// Keeps messages that must not be lost until they are acknowledged. Streamlit drops a message that a later one
// overtakes, so each message is sent again, with those that came after it, until Python acknowledges it.

/**
 * Creates an outbox.
 * @param {function(string)} send - sends all unacknowledged messages as JSON
 * @returns {{post: function(object), acknowledge: function(number)}} post adds a message and gives it an id;
 *   acknowledge removes the messages up to an id and sends the rest again
 */
export function createOutbox(send) {
  let unacknowledged = [], lastId = 0;
  const flush = () => unacknowledged.length && send(JSON.stringify(unacknowledged));
  return {
    post(message) {
      lastId = Math.max(lastId + 1, Date.now()); // Views of one widget share what Python acknowledges.
      unacknowledged.push({ id: lastId, ...message });
      flush();
    },
    acknowledge(id) {
      unacknowledged = unacknowledged.filter((message) => message.id > id);
      flush();
    },
  };
}
