export { type LevelSessionStore, type LevelSessionStoreOptions, levelSessionStore } from './level-session-store.js'
