import {
  asapScheduler,
  defer,
  EMPTY,
  type Observable,
  Subject,
  type Subscription,
  throwError,
  timeout,
  timer,
} from 'rxjs'
import type { Connection } from '../connection/connection.js'
import type { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Attachment } from './attachment.js'
import type { SessionChange, SessionStore } from './session-store.js'
import { storeError, storeLate, storeTimeout } from './store-failure.js'

/**
 * What a session does, in order: changes of its state, and packets that must not leave before the changes made until then
 * are stored. All changes of a turn are one write; without a store, packets leave at once.
 */
export class Journal {
  readonly #store: SessionStore | undefined
  readonly #onFailure: (error: MqttError) => void
  readonly #onLeft: () => void
  /** The client identifier, once the state that is stored is known. */
  #id: string | undefined
  #connection: Connection | undefined
  #changes: SessionChange[] = []
  #packets: PacketInput[] = []
  /** So many changes are looked through for what is over. */
  #tidyAt = leastTidied
  #scheduled = false
  /** A write is under way that packets wait for. */
  #isHolding = false
  #writing: Promise<void> | undefined
  #late: Subscription | undefined
  /** Of who waits for the write that is under way, and for the next one. */
  #stored: Subject<never> | undefined
  #storedNext: Subject<never> | undefined

  /**
   * @param onFailure - told of a write that failed; its changes are kept, and go first in the next one
   * @param onLeft - told when no packet waits any more
   */
  constructor(store: SessionStore | undefined, onFailure: (error: MqttError) => void, onLeft: () => void) {
    this.#store = store
    this.#onFailure = onFailure
    this.#onLeft = onLeft
  }

  /** Whether changes are stored. */
  get isStoring(): boolean {
    return this.#store !== undefined
  }

  /** Packets wait for the store: what is sent past it would overtake them. */
  get isHolding(): boolean {
    return this.#packets.length > 0 || this.#isHolding
  }

  /** The state that is stored is known: changes of it are noted from now on. */
  begin(id: string): void {
    this.#id = id
  }

  /** Sends to a connection from now on. */
  attach({ connection }: Attachment): void {
    this.#connection = connection
    if (this.#writing !== undefined) this.#watch()
    if (this.#changes.length > 0) this.#schedule()
  }

  /** Drops the packets that have not left: they belong to a connection that is over. */
  detach(): void {
    this.#connection = undefined
    this.#packets = []
    this.#isHolding = false
    this.#late?.unsubscribe()
    this.#late = undefined
  }

  note(change: SessionChange): void {
    if (this.#id === undefined) return
    this.#changes.push(change)
    if (this.#changes.length >= this.#tidyAt) this.#tidy()
    this.#schedule()
  }

  /** However long the store takes: what waits for it is not much more than what waits to be sent. */
  #tidy(): void {
    this.#changes = withoutPairs(this.#changes)
    this.#tidyAt = Math.max(leastTidied, 2 * this.#changes.length)
  }

  /** @throws MqttError `'invalid-packet'` where there is no store */
  send(packet: PacketInput): void {
    if (this.#store === undefined) {
      this.#connection?.write(packet)
    } else {
      this.#packets.push(packet)
      this.#schedule()
    }
  }

  /** Completes when the changes made until now are stored; errors with `'store'` when that fails, and tries again then. */
  flush(): Observable<never> {
    return defer(() => {
      if (this.#changes.length > 0) {
        this.#schedule()
        return (this.#storedNext ??= new Subject())
      }
      return this.#writing === undefined ? EMPTY : (this.#stored ??= new Subject())
    }).pipe(timeout({ first: storeTimeout, with: () => throwError(storeLate) }))
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined || this.#id === undefined) return
    this.#scheduled = true
    asapScheduler.schedule(() => {
      this.#scheduled = false
      if (this.#id !== undefined) this.#write(this.#id)
    })
  }

  #write(id: string): void {
    const changes = this.#changes
    const packets = this.#packets
    const connection = this.#connection
    this.#changes = []
    this.#packets = []
    this.#stored = this.#storedNext
    this.#storedNext = undefined
    const succeeded = (): void => {
      const stored = this.#stored
      this.#stored = undefined
      this.#leave(packets, connection)
      stored?.complete()
    }
    const failed = (reason: unknown): void => {
      const error = storeError(reason)
      const waiting = [this.#stored, this.#storedNext]
      this.#stored = this.#storedNext = undefined
      this.#changes = withoutPairs([...changes, ...this.#changes])
      this.#onFailure(error)
      for (const each of waiting) each?.error(error)
    }
    let written: void | Promise<void> = undefined
    try {
      if (changes.length > 0) written = this.#store!.write(id, changes)
    } catch (error) {
      return failed(error)
    }
    if (written === undefined) return succeeded()
    if (connection !== undefined) this.#watch()
    this.#isHolding = packets.length > 0
    const done = (): void => {
      this.#writing = undefined
      this.#isHolding = false
      this.#late?.unsubscribe()
      this.#late = undefined
    }
    this.#writing = written.then(
      () => {
        done()
        succeeded()
        if (this.#changes.length > 0 || this.#packets.length > 0) this.#schedule()
      },
      (error: unknown) => {
        done()
        failed(error)
      },
    )
  }

  /** A store that does not answer fails, as far as the connection is concerned. */
  #watch(): void {
    this.#late ??= timer(storeTimeout).subscribe(() => this.#onFailure(storeLate()))
  }

  #leave(packets: readonly PacketInput[], connection: Connection | undefined): void {
    if (connection === undefined || connection !== this.#connection) return
    try {
      for (const packet of packets) connection.write(packet)
    } catch (error) {
      connection.destroy(error)
    }
    if (!this.isHolding) this.#onLeft()
  }
}

/** Changes that are not worth looking through. */
const leastTidied = 1_000

/** What is added and removed again need not be written. */
function withoutPairs(changes: readonly SessionChange[]): SessionChange[] {
  const added = new Set(changes.flatMap((change) => (change.kind === 'added' ? [change.entry.sequence] : [])))
  const over = new Set(
    changes.flatMap((change) => (change.kind === 'removed' && added.has(change.sequence) ? [change.sequence] : [])),
  )
  const sequenceOf = (change: SessionChange): number | undefined =>
    change.kind === 'added' ? change.entry.sequence : 'sequence' in change ? change.sequence : undefined
  return changes.filter((change) => {
    const sequence = sequenceOf(change)
    return sequence === undefined || !over.has(sequence)
  })
}
