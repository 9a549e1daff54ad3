export type { BrokerOptions } from './options.js'
