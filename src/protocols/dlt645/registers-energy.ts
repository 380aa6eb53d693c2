import type { Unit } from '../../model/index.js'
import { energyKwh, list, money, number, record, signedNumber, time, type Field, type RegisterEntry } from './fields.js'

/** Kinds of energy and demand, DI2 (facts §8.1): code, name, unit of energy, unit of demand, whether it carries a sign. */
const kinds: readonly (readonly [code: number, name: string, energy: Unit, demand: Unit, signed: boolean])[] = [
  [0x01, 'forward active', 'kWh', 'kW', false],
  [0x02, 'reverse active', 'kWh', 'kW', false],
  [0x03, 'combined reactive 1', 'kvarh', 'kvar', true],
  [0x04, 'combined reactive 2', 'kvarh', 'kvar', true],
  [0x05, 'reactive quadrant 1', 'kvarh', 'kvar', false],
  [0x06, 'reactive quadrant 2', 'kvarh', 'kvar', false],
  [0x07, 'reactive quadrant 3', 'kvarh', 'kvar', false],
  [0x08, 'reactive quadrant 4', 'kvarh', 'kvar', false],
  [0x09, 'forward apparent', 'kVAh', 'kVA', false],
  [0x0a, 'reverse apparent', 'kVAh', 'kVA', false],
]
/** The same kinds for one phase begin here. */
const phases: readonly (readonly [first: number, name: string])[] = [
  [0x15, 'phase A '],
  [0x29, 'phase B '],
  [0x3d, 'phase C '],
]
const allKinds = [
  ...kinds,
  ...phases.flatMap(([first, phase]) => kinds.map(([code, name, ...rest]) => [code - 1 + first, phase + name, ...rest] as const)),
]

/** Total and 63 tariffs; the present value and 12 settlement periods. */
const tariffsMax = 64
const settlementsMax = 13

/** One value, the block of all tariffs, of all settlement periods, and of both. */
function series(group: string, code: number, name: string, ...fields: readonly Field[]): readonly RegisterEntry[] {
  const kind = `${group}.${code.toString(16).toUpperCase().padStart(2, '0')}`
  return [
    { di: `${kind}.00-3F.00-0C`, name, layout: record(...fields), access: 'R' },
    { di: `${kind}.FF.00-0C`, name, layout: list(tariffsMax, ...fields), access: 'R' },
    { di: `${kind}.00-3F.FF`, name, layout: list(settlementsMax, ...fields), access: 'R' },
    { di: `${kind}.FF.FF`, name, layout: list(tariffsMax * settlementsMax, ...fields), access: 'R' },
  ]
}

/** Balances of prepaid meters: unsigned, a debt is remaining = 0 and overdraft > 0 (facts §8.1). */
const balances: readonly RegisterEntry[] = [
  { di: '00.0B.00.00', name: 'usage of the current period', layout: record(energyKwh), access: 'R' },
  { di: '00.0B.00.01', name: 'usage of the last period', layout: record(energyKwh), access: 'R' },
  { di: '00.90.01.00', name: 'remaining energy', layout: record(energyKwh), access: 'R' },
  { di: '00.90.01.01', name: 'overdraft energy', layout: record(energyKwh), access: 'R' },
  { di: '00.90.02.00', name: 'remaining money', layout: record(money), access: 'R' },
  { di: '00.90.02.01', name: 'overdraft money', layout: record(money), access: 'R' },
  { di: '00.90.02.20', name: 'free amount', layout: record(money), access: 'R' },
]

/** Energy `00 TT RR SS`, balances, and maximum demand `01 TT RR SS` with its time (facts §8.1, §8.2). */
export const energyRegisters: readonly RegisterEntry[] = [
  ...series('00', 0x00, 'combined active energy', signedNumber('kWh', 4, 2)),
  ...allKinds.flatMap(([code, name, unit, , signed]) =>
    series('00', code, `${name} energy`, signed ? signedNumber(unit, 4, 2) : number(unit, 4, 2)),
  ),
  ...series('00', 0x80, 'related total energy', energyKwh),
  ...series('00', 0x85, 'copper loss energy', energyKwh),
  ...series('00', 0x86, 'iron loss energy', energyKwh),
  ...balances,
  ...series('01', 0x00, 'combined active demand', number('kW', 3, 4), time('YYMMDDhhmm')),
  ...allKinds.flatMap(([code, name, , unit, signed]) =>
    series('01', code, `${name} demand`, signed ? signedNumber(unit, 3, 4) : number(unit, 3, 4), time('YYMMDDhhmm')),
  ),
]
