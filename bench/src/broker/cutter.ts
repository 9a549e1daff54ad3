/** Cuts what a socket brings into frames, by their fixed headers alone. */
export class Cutter {
  #rest: Buffer | undefined

  /** Calls `onFrame` with each frame that is whole now. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let end = endOf(bytes, start); end <= bytes.length; end = endOf(bytes, start)) {
      onFrame(bytes.subarray(start, end))
      start = end
    }
    this.#rest = start === bytes.length ? undefined : bytes.subarray(start)
  }
}

/** Where the frame that begins at `start` ends; where its header is not whole, behind all that is there. */
function endOf(bytes: Buffer, start: number): number {
  let length = 0
  for (let at = start + 1, shift = 0; at < bytes.length; at++, shift += 7) {
    const byte = bytes[at]!
    length += (byte & 127) << shift
    if (byte < 128) return at + 1 + length
  }
  return bytes.length + 1
}
