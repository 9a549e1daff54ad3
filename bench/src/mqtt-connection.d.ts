/** What the benchmarks use of mqtt-connection 4.1, which brings no types. */
declare module 'mqtt-connection' {
  import { type Duplex } from 'node:stream'

  export interface MqttConnection extends Duplex {
    readonly stream: Duplex
    connect(fields: object): void
    connack(fields: object): void
    publish(fields: object): void
  }

  function connection(stream: Duplex, options?: { readonly notData?: boolean }): MqttConnection

  export default connection
}
