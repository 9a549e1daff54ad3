import { MqttError } from '../errors.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { shown } from './violation.js'

/**
 * Which MQTT version a connection speaks: one object, shared by its decoder and its encoder. It starts with the version
 * given (default 4, MQTT 3.1.1) and follows the first CONNECT that passes, in either direction; later ones change nothing.
 *
 * @example
 * ```ts
 * const protocol = new Protocol(5)
 * const packets$ = bytes$.pipe(parse({ decoder: new Decoder({ protocol }) }))
 * ```
 */
export class Protocol {
  #version: ProtocolVersion
  #settled = false

  /**
   * @param version - 3, 4 or 5
   * @throws MqttError `'invalid-option'` for another version
   */
  constructor(version: ProtocolVersion = 4) {
    if (version !== 3 && version !== 4 && version !== 5) {
      throw new MqttError('invalid-option', `protocolVersion must be 3, 4 or 5, not ${shown(version)}`)
    }
    this.#version = version
  }

  get version(): ProtocolVersion {
    return this.#version
  }

  /** True after the first CONNECT passed: the version is fixed. */
  get settled(): boolean {
    return this.#settled
  }

  /** Follows a CONNECT; only the first call has an effect. */
  settle(version: ProtocolVersion): void {
    if (this.#settled) return
    this.#version = version
    this.#settled = true
  }
}
