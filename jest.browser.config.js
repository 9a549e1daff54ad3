import base from './jest.config.js'

/** The specs that install, bundle and run in a real browser what is published. */
/** @type {import('jest').Config} */
const config = {
  ...base,
  roots: ['<rootDir>/browser-tests', '<rootDir>/examples/angular-dashboard/e2e'],
  testMatch: ['**/*.browser.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // The builds themselves are imported here.
  modulePathIgnorePatterns: [],
  globalSetup: '<rootDir>/browser-tests/global-setup.mjs',
  testTimeout: 60_000,
  maxWorkers: 1,
}

export default config
