/** Chunks up to this size that wait in a queue leave as one. */
const SMALL = 16_384

/** Takes the next chunk off a queue that is not empty, or the small ones at its beginning in one piece of at most `limit`. */
export function takeChunk(queue: Uint8Array[], limit: number = SMALL): Uint8Array {
  const most = Math.min(limit, SMALL)
  let [count, bytes] = [0, 0]
  while (count < queue.length && bytes + (queue[count] as Uint8Array).length <= most) {
    bytes += (queue[count] as Uint8Array).length
    count += 1
  }
  if (count < 2) return queue.shift() as Uint8Array
  const joined = new Uint8Array(bytes)
  let at = 0
  for (const chunk of queue.splice(0, count)) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}
