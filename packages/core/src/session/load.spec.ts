import { asapScheduler, Subscription } from 'rxjs'
import type { MqttError } from '../errors.js'
import { type JoinOptions, scene } from '../spec-support/session-scene.js'
import { broken, StoreScene, turns } from '../spec-support/store-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat } from '../testing/flat.js'
import { marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import type { SessionOptions } from './options.js'
import type { SessionState, StoredEntry } from './session-store.js'

expectNoUnhandled()

const scenes: StoreScene[] = []
afterEach(() => {
  for (const each of scenes.splice(0)) each.end()
})

/** A scene that also logs what becomes of `load` and `flush`. */
class LoadScene extends StoreScene {
  readonly #asked = new Subscription()
  readonly #loaded: ((state: SessionState) => void)[] = []

  constructor(options?: SessionOptions) {
    super(options)
    scenes.push(this)
    this.session.dropped$.subscribe(({ message, error }) => this.log.push(`dropped ${message.topic}: ${error.code}`))
  }

  /** From now on `load` answers when it is told what. */
  hold(): void {
    this.state = new Promise((resolve) => this.#loaded.push(resolve))
  }

  async loaded(state: SessionState): Promise<void> {
    this.#loaded.shift()!(state)
    await turns()
  }

  load(id = 'me'): Subscription {
    const loading = this.session.load(id).subscribe({
      complete: () => this.log.push('loaded'),
      error: (error: unknown) => this.log.push(`load: ${(error as MqttError).code}`),
    })
    this.#asked.add(loading)
    return loading
  }

  flush(): Subscription {
    const flushing = this.session.flush().subscribe({
      complete: () => this.log.push('flushed'),
      error: (error: unknown) => this.log.push(`flush: ${(error as MqttError).code}`),
    })
    this.#asked.add(flushing)
    return flushing
  }

  override end(): void {
    this.#asked.unsubscribe()
    super.end()
  }
}

const stored = (topic: string, sequence: number, messageId?: number): StoredEntry => ({
  kind: 'message',
  sequence,
  message: { topic, payload: new Uint8Array(), qos: 1 },
  expiresAt: undefined,
  messageId,
})
const state: SessionState = { outgoing: [stored('a', 4, 1), stored('b', 5)], received: [7] }
/** What a client does, and what a server does, that goes on with its session. */
const resumed: readonly JoinOptions[] = [
  { role: 'client', resumed: true },
  { role: 'server', resumed: true },
]

describe('load', () => {
  it('reads the state before there is a connection; what is published is stored at once then, behind it', async () => {
    const scene = new LoadScene()
    scene.state = state
    scene.publish({ topic: 'early', qos: 1 })
    await turns()
    expect(scene.taken()).toEqual([])
    scene.load()
    await turns()
    expect(scene.taken()).toEqual(['load me', 'loaded', 'write +6 early'])
    scene.publish({ topic: 'c', qos: 2 })
    scene.publish({ topic: 'zero' })
    expect(scene.taken()).toEqual([])
    asapScheduler.flush()
    expect(scene.taken()).toEqual(['write +7 c'])
  })

  it.each(resumed)('is what the $role goes on with', async (given) => {
    const scene = new LoadScene()
    scene.state = state
    scene.load()
    await turns()
    scene.publish({ topic: 'c', qos: 2 })
    await turns()
    scene.taken()
    const { transport } = await scene.join(given)
    expect(scene.taken()).toEqual(['write sent 5 #2, sent 6 #3', 'publish 1 dup', 'publish 2', 'publish 3'])
    transport.receive(packets.publish({ topic: 'x', qos: 2, messageId: 7, dup: true }))
    await turns()
    expect(scene.taken()).toEqual(['pubrec 7'])
  })

  it('reads once: completes at once where that is done, and waits with who asked before where it goes on', async () => {
    const scene = new LoadScene()
    scene.hold()
    scene.load()
    scene.load().unsubscribe()
    scene.load()
    await scene.join({ resumed: true })
    expect(scene.taken()).toEqual(['load me'])
    await scene.loaded(state)
    expect(scene.taken()).toEqual(['loaded', 'loaded', 'write sent 5 #2', 'publish 1 dup', 'publish 2'])
    scene.load()
    expect(scene.taken()).toEqual(['loaded'])
  })

  it('does not wait for an attachment that ends before it, nor it for one that ends', async () => {
    const scene = new LoadScene()
    scene.hold()
    const { detach } = await scene.join({ resumed: true })
    const loading = scene.load()
    detach()
    await turns()
    await scene.join({ resumed: true })
    loading.unsubscribe()
    await scene.loaded(state)
    expect(scene.taken()).toEqual(['load me', 'write sent 5 #2', 'publish 1 dup', 'publish 2'])
  })

  it('that nobody waits for any more is forgotten, and what is there later is read', async () => {
    const scene = new LoadScene()
    scene.hold()
    scene.load().unsubscribe()
    await scene.loaded(state)
    scene.publish({ topic: 'c', qos: 1 })
    await turns()
    expect(scene.taken()).toEqual(['load me'])
    scene.state = { outgoing: [stored('d', 9)], received: [] }
    scene.load('you')
    await turns()
    expect(scene.taken()).toEqual(['load you', 'loaded', 'write +10 c'])
  })

  it('completes at once where there is no store', () => {
    scene({}, ({ session, expectObservable }) => expectObservable(session.load('me')).toBe('|'))
  })

  it('errors where the store fails, and asks again when it is asked again', async () => {
    const scene = new LoadScene()
    scene.state = Promise.reject(broken)
    let again: MqttError | undefined
    scene.session.load('me').subscribe({
      error: (error: unknown) => {
        again = error as MqttError
        scene.hold()
        scene.load()
      },
    })
    await turns()
    scene.load()
    await scene.loaded(state)
    expect(flat(again)).toMatchObject({ code: 'store', reasonCode: 0x83 })
    expect(again!.cause).toBe(broken)
    expect(scene.taken()).toEqual(['load me', 'load me', 'loaded', 'loaded'])
    await scene.join({ resumed: true })
    expect(scene.taken()).toEqual(['write sent 5 #2', 'publish 1 dup', 'publish 2'])
  })

  it('errors after 30 s without an answer', () => {
    const store = {
      load: () => new Promise<never>(() => undefined),
      write: () => undefined,
      clear: async () => undefined,
    }
    scene({ store }, ({ session, expectObservable }) => {
      expectObservable(session.load('me')).toBe('30s #', null, {
        code: 'store',
        reasonCode: 0x83,
        returnCode: undefined,
      })
    })
  })

  it.each([
    ['is read', 'hold'],
    ['was read', 'wait'],
  ] as const)('errors for another client identifier than that which %s, as an attachment does', async (_name, mode) => {
    const scene = new LoadScene()
    if (mode === 'hold') scene.hold()
    scene.load()
    await turns()
    scene.taken()
    scene.load('you')
    expect(scene.taken()).toEqual(['load: invalid-option'])
    await scene.join({ connect: { clientId: 'you' } })
    expect(scene.taken()).toEqual(['attach: invalid-option'])
  })
})

describe('what was loaded, when the peer has forgotten the session', () => {
  it('is lost on a server, with what came since', async () => {
    const scene = new LoadScene()
    scene.state = state
    scene.load()
    await turns()
    scene.publish({ topic: 'c', qos: 1 })
    await turns()
    scene.taken()
    await scene.join({ role: 'server' })
    expect(scene.taken()).toEqual([
      'dropped a: session-lost',
      'dropped b: session-lost',
      'dropped c: session-lost',
      'c: session-lost',
      'write -4, -5, -6, released #7',
    ])
  })

  it('goes again from a client', async () => {
    const scene = new LoadScene()
    scene.state = state
    scene.load()
    await turns()
    scene.taken()
    await scene.join()
    expect(scene.taken()).toEqual([
      'write -4, +6 a, -5, +7 b, released #7, sent 6 #1, sent 7 #2',
      'publish 1',
      'publish 2',
    ])
  })

  it('is lost on a server also while it is being read, with what waits, but not what comes then', async () => {
    const scene = new LoadScene()
    scene.hold()
    scene.load()
    scene.publish({ topic: 'c', qos: 1 })
    await scene.join({ role: 'server' })
    scene.publish({ topic: 'd', qos: 1 })
    await scene.loaded(state)
    expect(scene.taken()).toEqual([
      'dropped c: session-lost',
      'c: session-lost',
      'load me',
      'dropped a: session-lost',
      'dropped b: session-lost',
      'loaded',
      'write -4, -5, +6 d, -6, +7 d, released #7, sent 7 #1',
      'publish 1',
    ])
  })

  it('is lost on a server, but what came since is not, where that server was there before it asked', async () => {
    const scene = new LoadScene()
    scene.hold()
    const { detach } = await scene.join({ role: 'server' })
    scene.load()
    scene.publish({ topic: 'c', qos: 1 })
    detach()
    await scene.loaded(state)
    expect(scene.taken()).toEqual([
      'load me',
      'dropped a: session-lost',
      'dropped b: session-lost',
      'loaded',
      'write -4, -5, +6 c',
    ])
    scene.load()
    expect(scene.taken()).toEqual(['loaded'])
    await scene.join({ role: 'server', resumed: true })
    expect(scene.taken()).toEqual(['write -6, +7 c, released #7, sent 7 #1', 'publish 1'])
  })
})

describe('flush', () => {
  const changes = async (scene: LoadScene): Promise<void> => {
    scene.load()
    await turns()
    scene.mode = 'held'
    scene.taken()
  }

  it('completes when what was published until then is stored, without a connection', async () => {
    const scene = new LoadScene()
    await changes(scene)
    scene.publish({ topic: 'a', qos: 1 })
    scene.flush()
    await turns()
    scene.flush()
    scene.publish({ topic: 'b', qos: 1 })
    scene.flush().unsubscribe()
    scene.flush()
    await turns()
    expect(scene.taken()).toEqual(['write +1 a'])
    await scene.wrote()
    expect(scene.taken()).toEqual(['flushed', 'flushed', 'write +2 b'])
    await scene.wrote()
    expect(scene.taken()).toEqual(['flushed'])
    scene.flush()
    expect(scene.taken()).toEqual(['flushed'])
  })

  it('completes with a connection behind the packets that the write protects', async () => {
    const scene = new LoadScene()
    const { transport } = await scene.join()
    scene.session.messages$.subscribe()
    scene.taken()
    transport.receive(packets.publish({ topic: 'x', qos: 2, messageId: 7 }))
    scene.flush()
    await turns()
    expect(scene.taken()).toEqual(['write received #7', 'flushed', 'pubrec 7'])
    scene.mode = 'held'
    transport.receive(packets.publish({ topic: 'y', qos: 2, messageId: 8 }))
    scene.flush()
    await turns()
    expect(scene.taken()).toEqual(['write received #8'])
    await scene.wrote()
    expect(scene.taken()).toEqual(['flushed', 'pubrec 8'])
  })

  it.each(['throws', 'rejects'] as const)(
    'errors when a write %s, for who waits for the next one too, and tries again',
    async (mode) => {
      const scene = new LoadScene()
      await changes(scene)
      scene.mode = mode
      scene.publish({ topic: 'a', qos: 1 })
      scene.flush()
      if (mode === 'rejects') {
        asapScheduler.flush()
        scene.publish({ topic: 'b', qos: 1 })
        scene.flush()
      }
      await turns()
      const more = mode === 'rejects'
      expect(scene.taken()).toEqual(['write +1 a', 'flush: store', ...(more ? ['flush: store'] : [])])
      scene.flush()
      await turns()
      expect(scene.taken()).toEqual([`write +1 a${more ? ', +2 b' : ''}`, 'flush: store'])
      scene.mode = 'sync'
      scene.flush()
      await turns()
      expect(scene.taken()).toEqual([`write +1 a${more ? ', +2 b' : ''}`, 'flushed'])
    },
  )

  it('errors after 30 s without an answer', async () => {
    const scene = new LoadScene()
    await changes(scene)
    scene.publish({ topic: 'a', qos: 1 })
    await turns()
    marbles(({ expectObservable }) => {
      const late = { code: 'store', reasonCode: 0x83, returnCode: undefined }
      expectObservable(scene.session.flush()).toBe('30s #', null, late)
    })
  })

  it('waits for the state that is being read, and fails with it', async () => {
    const scene = new LoadScene()
    scene.hold()
    scene.load()
    scene.publish({ topic: 'a', qos: 1 })
    scene.flush()
    await turns()
    expect(scene.taken()).toEqual(['load me'])
    await scene.loaded({ outgoing: [], received: [] })
    expect(scene.taken()).toEqual(['loaded', 'write +2 a', 'flushed'])
    const other = new LoadScene()
    other.state = Promise.reject(broken)
    other.load()
    other.flush()
    await turns()
    expect(other.taken()).toEqual(['load me', 'load: store', 'flush: store'])
  })

  it('completes at once where there is no store, or nothing was loaded', () => {
    const store = {
      load: () => new Promise<never>(() => undefined),
      write: () => undefined,
      clear: async () => undefined,
    }
    for (const options of [{}, { store }]) {
      scene(options, ({ session, expectObservable }) => {
        session.publish({ topic: 'a', qos: 1 }).subscribe()
        expectObservable(session.flush()).toBe('|')
      })
    }
  })
})
