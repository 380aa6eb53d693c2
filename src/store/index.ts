/** SQLite behind the store port: the facts, the streams, and what follows from an order in one transaction. */
export { GROUP_VALUES_MAX } from './engine.js'
export { GROUP_MS_MAX } from './group-timer.js'
export { openInProcessStore } from './in-process.js'
export type { Synchronous } from './open.js'
export { BUDGET_BYTES, RESERVE_BYTES } from './open-store.js'
export type { StoreOptions } from './open-store.js'
export type { EntryBody, PieceBody, PointBody, ResultBody, StatementBody } from './records.js'
export { COMMANDS_MAX, openWorkerStore } from './worker-store.js'
