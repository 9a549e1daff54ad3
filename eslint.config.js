import rxjs from 'eslint-plugin-rxjs-x'
import tseslint from 'typescript-eslint'
import finnish from './scripts/eslint-finnish.mjs'

const specs = ['**/*.spec.ts', '**/test/**/*.ts', '**/src/spec-support/**/*.ts']
const noDeepPaths = {
  group: ['**/packages/**', '@rxmqtt/*/dist/**', '@rxmqtt/*/src/**'],
  message: 'Import packages by their published names.',
}
const outside = (name, message) => ({ name, message })

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      'temp/',
      'coverage/',
      'browser-tests/fixtures/',
      'examples/angular-dashboard/src/*.ts',
      'examples/angular-dashboard/src/app/*.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked, rxjs.configs.recommended],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.test.json', './examples/browser/tsconfig.types.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { rxmqtt: { rules: { finnish } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      'no-restricted-imports': ['error', { patterns: [noDeepPaths] }],

      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],

      'rxmqtt/finnish': [
        'error',
        {
          functions: false,
          methods: false,
          parameters: true,
          properties: true,
          objects: true,
          variables: true,
          strict: false,
          // `source` is RxJS's own name for what an operator works on.
          names: { '^(source|destination|notifier)$': false },
          // A Subject is as much an Observer.
          types: { '^(EventEmitter|(Behavior|Replay|Async)?Subject)$': false },
        },
      ],
      'rxjs-x/no-floating-observables': 'error',
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-implicit-any-catch': ['error', { allowExplicitError: true }],
      'rxjs-x/no-nested-subscribe': 'error',
      // Operators that hold state in a closure of one subscription are what this library is made of.
      'rxjs-x/no-sharereplay': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: specs,
    rules: { 'no-console': 'error' },
  },
  {
    // Core runs wherever JavaScript does, and its only clock is RxJS.
    files: ['packages/core/src/**/*.ts'],
    ignores: specs,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [noDeepPaths, { group: ['node:*'], message: 'Core has no Node.' }] },
      ],
      'no-restricted-globals': [
        'error',
        ...['Buffer', 'process', 'global', 'require', 'module', '__dirname', '__filename'].map((name) =>
          outside(name, 'Core has no Node.'),
        ),
        ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map(
          (name) => outside(name, 'Time is RxJS time.'),
        ),
        ...['queueMicrotask', 'Date', 'performance'].map((name) => outside(name, 'Time is RxJS time.')),
      ],
    },
  },
  {
    // The one file that may see mqtt-packet and the Buffer it wants.
    files: ['packages/core/src/codec/mqtt-packet.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [noDeepPaths] }] },
  },
  {
    files: ['packages/transports/src/**/*.ts'],
    ignores: specs,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [noDeepPaths],
          paths: [
            {
              name: '@rxmqtt/core',
              allowImportNames: [
                'Transport',
                'TransportInfo',
                'TlsInfo',
                'MqttError',
                'MqttErrorCode',
                'MqttErrorDetails',
              ],
              message: 'Transports know the Transport contract and the errors, nothing else.',
            },
          ],
        },
      ],
    },
  },
  {
    // They work with what the specs of the packages are made of.
    files: ['browser-tests/equality.browser.spec.ts', 'browser-tests/contract/page.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    // What runs in browsers too; the dependency rule 'browser-entries-without-node' keeps their imports.
    files: ['websocket*', 'web-streams', 'streams', 'message-port', 'port*', 'chunks', 'dial', 'memory', 'state'].map(
      (name) => `packages/transports/src/${name}.ts`,
    ),
    rules: {
      'no-restricted-globals': [
        'error',
        ...['Buffer', 'process', 'global', 'require', 'setImmediate', 'clearImmediate'].map((name) =>
          outside(name, 'Browsers have no Node.'),
        ),
        ...['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'queueMicrotask', 'Date', 'performance'].map(
          (name) => outside(name, 'Time is RxJS time.'),
        ),
      ],
    },
  },
  {
    files: specs,
    rules: {
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // A spec subscribes to see what happens; what it leaves to the end of the test is asserted by the test.
      'rxjs-x/no-ignored-subscription': 'off',
    },
  },
)
