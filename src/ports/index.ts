/** What the core asks of the world: types only. */
export type * from './bus.js'
export type * from './calendar.js'
export type * from './clock.js'
export type * from './log.js'
export type * from './protocol.js'
export * from './runner.js'
export type * from './store.js'
export type * from './uplink.js'
