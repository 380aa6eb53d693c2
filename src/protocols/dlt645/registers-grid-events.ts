import { count, energyKvarh, energyKwh, fullTime, hex, minutes, record, times, type Field, type RegisterEntry } from './fields.js'
import { ampereHours, fourEnergies, phaseState } from './registers-events.js'

const phases = times(3, ...fourEnergies, ...phaseState)
const ending = [fullTime, ...times(4, ...fourEnergies)]
/** 53 items: start, energies and state of the phases, ampere-hours, end, energies. */
const voltageItems = [fullTime, ...fourEnergies, ...phases, ...ampereHours, ...ending]
const currentItems = [fullTime, ...fourEnergies, ...phases, ...ending]
const energyItems = [fullTime, ...times(4, ...fourEnergies), ...ending]
const factorItems = [fullTime, ...fourEnergies, fullTime, ...fourEnergies]
const relayItems = [fullTime, hex(4), energyKwh, energyKwh, ...times(4, energyKvarh)]

/**
 * Classes of the grid series, DI3: name, phases of a record (DI2; none: 00), items of a record in the order of DI1.
 * Imbalances (16, 17) are not here: the sources do not tell the format of their rate.
 */
const classes: readonly (readonly [di3: string, name: string, phases: string, items: readonly Field[]])[] = [
  ['10', 'voltage loss', '01-03', voltageItems],
  ['11', 'under-voltage', '01-03', voltageItems],
  ['12', 'over-voltage', '01-03', voltageItems],
  ['13', 'phase break', '01-03', voltageItems],
  ['14', 'voltage sequence reverse', '00', energyItems],
  ['15', 'current sequence reverse', '00', energyItems],
  ['18', 'current loss', '01-03', currentItems],
  ['19', 'over-current', '01-03', currentItems],
  ['1A', 'current break', '01-03', currentItems],
  ['1B', 'power reverse', '01-03', energyItems],
  ['1C', 'overload', '01-03', energyItems],
  ['1D', 'trip', '00', relayItems],
  ['1E', 'close', '00', relayItems],
  ['1F', 'power factor low', '00', factorItems],
]

/** Events of the 2009 grid filing, one class per DI3 (facts §8.9): counts, single items, whole records. */
export const gridEventRegisters: readonly RegisterEntry[] = classes.flatMap(([di3, name, phase, items]) => [
  row(`${di3}.${phase === '00' ? '00' : '00-03'}.00.01`, `${name}: count`, [count]),
  ...(items === relayItems ? [] : [row(`${di3}.${phase === '00' ? '00' : '00-03'}.00.02`, `${name}: minutes`, [minutes])]),
  // The last start and end over all phases.
  ...(phase === '00' ? [] : [row(`${di3}.00.01,02.01`, `${name}: last start or end`, [fullTime])]),
  ...items.map((field, index) => row(`${di3}.${phase}.${hexByte(index + 1)}.01-0A`, `${name}: item ${index + 1}`, [field])),
  row(`${di3}.${phase}.FF.01-0A`, `${name}: record`, items),
])

function row(di: string, name: string, fields: readonly Field[]): RegisterEntry {
  return { di, name, layout: record(...fields), access: 'R' }
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0')
}
