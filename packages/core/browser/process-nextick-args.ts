/** Of `process-nextick-args`: mqtt-packet calls it for streams that can be corked, which ours is not. */
export function nextTick<T>(run: (argument: T) => void, argument: T): void {
  queueMicrotask(() => run(argument))
}
