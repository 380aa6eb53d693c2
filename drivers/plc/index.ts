/** Power-line carrier, narrowband and broadband, behind a local module of Q/GDW 1376.2. */
export { checkPlcOptions, createPlcBus } from './plc-bus.js'
export type { PlcOptions } from './plc-bus.js'
