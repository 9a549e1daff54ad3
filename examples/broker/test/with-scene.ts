import type { BrokerOptions } from '../src/index.js'
import { Scene } from './scene.js'

/** The body of a test: it has a broker of its own, which must have had no problems in the end. */
export function withScene(test: (scene: Scene) => Promise<void>, options: BrokerOptions = {}): () => Promise<void> {
  return async () => {
    const scene = await Scene.open(options)
    await test(scene)
    await scene.close()
    expect(scene.problems).toEqual([])
  }
}

/** Of a client of MQTT 5 whose session outlives its connection by 100 s, or by as many as it says. */
export function lasting(seconds = 100) {
  return { clean: false, properties: { sessionExpiryInterval: seconds } }
}
