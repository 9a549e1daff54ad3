import base from './jest.config.js'

/** The specs that need a real MQTT broker, and real clients, on this machine. */
/** @type {import('jest').Config} */
const config = {
  ...base,
  testMatch: ['**/*.interop.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  globalSetup: '<rootDir>/scripts/require-mosquitto.mjs',
  testTimeout: 60_000,
  maxWorkers: 1,
}

export default config
