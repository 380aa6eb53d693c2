import type { RegisterEntry } from './fields.js'
import { eventRegisters } from './registers-events.js'
import { energyRegisters } from './registers-energy.js'
import { freezeRegisters } from './registers-freeze.js'
import { gridEventRegisters } from './registers-grid-events.js'
import { parameterRegisters } from './registers-parameters.js'
import { variableRegisters } from './registers-variables.js'

/** Load records `06 CC 00 0x` (facts §8.8): x = 0 the earliest, 1 from a given time, 2 the latest. */
const loadRegisters: readonly RegisterEntry[] = [0, 1, 2, 3, 4, 5, 6].map((loadClass) => ({
  di: `06.0${loadClass}.00.00-02`,
  name: loadClass === 0 ? 'load records of all classes' : `load records of class ${loadClass}`,
  layout: { kind: 'load', loadClass },
  access: 'R',
}))

/** Every register of the facts page §8, as data. The first entry whose pattern fits a register describes it. */
export const registers: readonly RegisterEntry[] = [
  ...energyRegisters,
  ...variableRegisters,
  ...eventRegisters,
  ...parameterRegisters,
  ...freezeRegisters,
  ...loadRegisters,
  ...gridEventRegisters,
]
