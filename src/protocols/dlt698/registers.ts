import type { ObjectEntry } from './fields.js'
import { energyRegisters } from './registers-energy.js'
import { parameterRegisters, recordRegisters } from './registers-parameters.js'
import { variableRegisters } from './registers-variables.js'

/** Every object of the facts page §4 that can be read, as data. */
export const registers: readonly ObjectEntry[] = [
  ...energyRegisters,
  ...variableRegisters,
  ...parameterRegisters,
  ...recordRegisters,
]
