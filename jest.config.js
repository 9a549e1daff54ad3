/** Specs run against the sources of all workspaces, so they need no build. */
/** @type {import('jest').Config} */
const config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/packages', '<rootDir>/examples', '<rootDir>/bench'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '\\.interop\\.spec\\.ts$', '\\.browser\\.spec\\.ts$'],
  modulePathIgnorePatterns: ['<rootDir>/(packages/[^/]+|examples|examples/broker|bench)/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/tsconfig.test.json' }] },
  moduleNameMapper: {
    '^@rxmqtt/example-broker$': '<rootDir>/examples/broker/src/index.ts',
    '^@rxmqtt/([^/]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^@rxmqtt/core/(.+)$': '<rootDir>/packages/core/src/$1/index.ts',
    '^@rxmqtt/transports/(.+)$': '<rootDir>/packages/transports/src/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testTimeout: 20_000,
  maxWorkers: 2,
  workerIdleMemoryLimit: '768MB',
}

export default config
