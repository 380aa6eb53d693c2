/** A half-duplex RS-485 bus over a link: one exchange at a time. */
export { createRs485Bus } from './rs485-bus.js'
export type { Rs485Options } from './rs485-bus.js'
export { rs485Settings } from './settings.js'
export type { Rs485Settings } from './settings.js'
