import type { Unit } from '../../model/index.js'
import {
  bits,
  digits,
  either,
  energyKvarh,
  energyKwh,
  list,
  number,
  record,
  signedNumber,
  time,
  type Field,
  type Layout,
} from '../dlt645/fields.js'

/** One row of the register table. */
export interface RegisterEntry {
  /** Two bytes, DI1 first, each a value, a range or a list of both in hexadecimal: `90,94,98.10-1E`. */
  readonly di: string
  readonly name: string
  readonly layout: Layout
  readonly access: 'R' | 'RW'
  /** How makers with more digits fill the same bytes: told by any integer of the answer that is `from` or more. */
  readonly wide?: { readonly from: number; readonly layout: Layout }
}

/** A row's total and tariffs 1 … 14, or its total and phases A, B, C. */
const tariffsMax = 15
const phasesMax = 4

const demandKw = number('kW', 3, 4)
const demandKvar = number('kvar', 3, 4)
const stamp = time('MMDDhhmm')
const count = number('', 2, 0)
const minutes = number('min', 3, 0)
/** Three digits: a fourth says that this maker sends tenths, then in the whole answer. */
const voltsWhole = number('V', 2, 0)
const voltsTenths = number('V', 2, 1)
const wideVolts = (layout: Layout) => ({ from: 1000, layout })
const ampsShort = number('A', 2, 2)
/** What later "1997" sub-meters send instead (facts, last remark on Bxxx). */
const ampsLong = number('A', 3, 3)
const activePower = number('kW', 3, 4)
const reactivePower = number('kvar', 2, 2)
/** A factor is at most 1, so the highest bit can only be a sign. */
const powerFactor = signedNumber('', 2, 3)

/** Total and tariffs of a kind, and the block of both. `row`: DI1, and the high digit of DI0. */
function tariffs(row: readonly [di1: string, kind: string], name: string, field: Field): readonly RegisterEntry[] {
  const [di1, kind] = row
  return [
    { di: `${di1}.${kind}0-${kind}E`, name, layout: record(field), access: 'R' },
    { di: `${di1}.${kind}F`, name: `${name}, block`, layout: list(tariffsMax, field), access: 'R' },
  ]
}

/** Total and phases, and the block of both. */
function phases(di1: string, kind: string, name: string, field: Field): readonly RegisterEntry[] {
  return [
    { di: `${di1}.${kind}0-${kind}3`, name, layout: record(field), access: 'R' },
    { di: `${di1}.${kind}F`, name: `${name}, block`, layout: list(phasesMax, field), access: 'R' },
  ]
}

/** High digit of DI0 of active and of reactive quantities; quadrants stand in the order I, IV, II, III. */
const activeKinds = [
  ['1', 'forward active'],
  ['2', 'reverse active'],
] as const
const reactiveKinds = [
  ['1', 'forward reactive'],
  ['2', 'reverse reactive'],
  ['3', 'reactive quadrant 1'],
  ['4', 'reactive quadrant 4'],
  ['5', 'reactive quadrant 2'],
  ['6', 'reactive quadrant 3'],
] as const

/** DI1 of this month, the last one and the one before. */
const energyRows: readonly RegisterEntry[] = [
  ...activeKinds.flatMap(([kind, name]) => tariffs(['90,94,98', kind], `${name} energy`, energyKwh)),
  ...reactiveKinds.flatMap(([kind, name]) => tariffs(['91,95,99', kind], `${name} energy`, energyKvarh)),
]

const demandRows: readonly RegisterEntry[] = [
  ...activeKinds.flatMap(([kind, name]) => [
    ...tariffs(['A0,A4,A8', kind], `${name} demand`, demandKw),
    ...tariffs(['B0,B4,B8', kind], `time of ${name} demand`, stamp),
  ]),
  ...reactiveKinds.flatMap(([kind, name]) => [
    ...tariffs(['A1,A5,A9', kind], `${name} demand`, demandKvar),
    ...tariffs(['B1,B5,B9', kind], `time of ${name} demand`, stamp),
  ]),
]

const eventRows: readonly RegisterEntry[] = [
  { di: 'B2.10', name: 'last programming', layout: record(stamp), access: 'R' },
  { di: 'B2.11', name: 'last clearing of demand', layout: record(stamp), access: 'R' },
  { di: 'B2.12', name: 'programmings', layout: record(count), access: 'R' },
  { di: 'B2.13', name: 'clearings of demand', layout: record(count), access: 'R' },
  { di: 'B2.14', name: 'battery working time', layout: record(minutes), access: 'R' },
  ...phases('B3', '1', 'phase breaks', count),
  ...phases('B3', '2', 'time of phase breaks together', minutes),
  ...phases('B3', '3', 'begin of the last phase break', stamp),
  ...phases('B3', '4', 'end of the last phase break', stamp),
]

const variableRows: readonly RegisterEntry[] = [
  { di: 'B6.11-13', name: 'voltage', layout: record(voltsWhole), access: 'R', wide: wideVolts(record(voltsTenths)) },
  { di: 'B6.1F', name: 'voltages', layout: list(3, voltsWhole), access: 'R', wide: wideVolts(list(3, voltsTenths)) },
  { di: 'B6.21-23', name: 'current', layout: either(record(ampsShort), record(ampsLong)), access: 'R' },
  { di: 'B6.2F', name: 'currents', layout: either(list(3, ampsShort), list(3, ampsLong)), access: 'R' },
  ...phases('B6', '3', 'active power', activePower),
  ...phases('B6', '4', 'reactive power', reactivePower),
  ...phases('B6', '5', 'power factor', powerFactor),
]

const minutesByte = number('min', 1, 0)
const smallCount = number('', 1, 0)
const constant = (unit: Unit) => number(unit, 3, 0)
/** Entries of a table of time zones or of one day's slots. */
const tableEntriesMax = 14

const parameterRows: readonly RegisterEntry[] = [
  { di: 'C0.10', name: 'date', layout: record(time('YYMMDDWW')), access: 'RW' },
  { di: 'C0.11', name: 'time', layout: record(time('hhmmss')), access: 'RW' },
  { di: 'C0.20', name: 'meter status', layout: record(bits(1)), access: 'R' },
  { di: 'C0.30', name: 'active constant', layout: record(constant('imp/kWh')), access: 'RW' },
  { di: 'C0.31', name: 'reactive constant', layout: record(constant('imp/kvarh')), access: 'RW' },
  { di: 'C0.32', name: 'meter number', layout: record(digits(6)), access: 'RW' },
  { di: 'C1.11', name: 'demand period', layout: record(minutesByte), access: 'RW' },
  { di: 'C1.12', name: 'demand slip time', layout: record(minutesByte), access: 'RW' },
  { di: 'C1.17', name: 'reading day and hour', layout: record(time('DDhh')), access: 'RW' },
  { di: 'C3.10', name: 'time zones of a year', layout: record(smallCount), access: 'RW' },
  { di: 'C3.11', name: 'day tables', layout: record(smallCount), access: 'RW' },
  { di: 'C3.12', name: 'slots of a day', layout: record(smallCount), access: 'RW' },
  { di: 'C3.13', name: 'tariffs', layout: record(smallCount), access: 'RW' },
  { di: 'C3.14', name: 'holidays', layout: record(smallCount), access: 'RW' },
  { di: 'C3.2F', name: 'time zones', layout: list(tableEntriesMax, time('MMDDNN')), access: 'RW' },
  {
    di: 'C3.3F,4F,5F,6F,7F,8F,9F,AF',
    name: 'day table',
    layout: list(tableEntriesMax, time('hhmmNN')),
    access: 'RW',
  },
]

/** Every register of the facts page, as data. The first row whose pattern fits a register describes it. */
export const registers: readonly RegisterEntry[] = [...energyRows, ...demandRows, ...eventRows, ...variableRows, ...parameterRows]
