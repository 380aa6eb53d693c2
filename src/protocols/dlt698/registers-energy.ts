import { fields, list, number, plain, type ObjectEntry, type TableUnit } from './fields.js'

/** Kinds of energy and demand: OI, name, unit of energy, unit of demand (facts §4.1). 0000, 0030 and 0040 carry a sign by their type. */
const kinds: readonly (readonly [oi: number, name: string, energy: TableUnit, demand: TableUnit])[] = [
  [0x0000, 'combined active', 'kWh', 'kW'],
  [0x0010, 'forward active', 'kWh', 'kW'],
  [0x0020, 'reverse active', 'kWh', 'kW'],
  [0x0030, 'combined reactive 1', 'kvarh', 'kvar'],
  [0x0040, 'combined reactive 2', 'kvarh', 'kvar'],
  [0x0050, 'reactive quadrant 1', 'kvarh', 'kvar'],
  [0x0060, 'reactive quadrant 2', 'kvarh', 'kvar'],
  [0x0070, 'reactive quadrant 3', 'kvarh', 'kvar'],
  [0x0080, 'reactive quadrant 4', 'kvarh', 'kvar'],
  [0x0090, 'forward apparent', 'kVAh', 'kVA'],
  [0x00a0, 'reverse apparent', 'kVAh', 'kVA'],
]
/** Energies without a demand; forward and reverse of the fundamental and harmonic ones, and the losses: own knowledge. */
const furtherEnergies: readonly (readonly [oi: number, name: string])[] = [
  [0x0110, 'forward fundamental active'],
  [0x0120, 'reverse fundamental active'],
  [0x0210, 'forward harmonic active'],
  [0x0220, 'reverse harmonic active'],
  [0x0300, 'copper loss active'],
  [0x0400, 'iron loss active'],
  [0x0500, 'linked active'],
]

const oiText = (oi: number): string => oi.toString(16).toUpperCase().padStart(4, '0')
/** The object and those of its phases A, B and C. */
const withPhases = (oi: number): readonly string[] => [oi, oi + 1, oi + 2, oi + 3].map(oiText)

const energy = (oi: number, name: string, unit: TableUnit): readonly ObjectEntry[] => [
  { ois: withPhases(oi), attribute: 2, name: `${name} energy`, shape: list(number(unit, -2)) },
  { ois: withPhases(oi), attribute: 3, name: `${name} energy, scaler and unit`, shape: plain },
  { ois: withPhases(oi), attribute: 4, name: `${name} energy, high precision`, shape: list(number(unit, -4)) },
  { ois: withPhases(oi), attribute: 5, name: `${name} energy, scaler and unit of the high precision`, shape: plain },
]

const demand = (oi: number, name: string, unit: TableUnit): ObjectEntry => ({
  ois: withPhases(0x1000 + oi),
  attribute: 2,
  name: `${name} maximum demand and its time`,
  shape: list(fields(number(unit, -4), plain)),
})

/** Energies, class 1, and maximum demands, class 2 (facts §4.1). */
export const energyRegisters: readonly ObjectEntry[] = [
  ...kinds.flatMap(([oi, name, unit]) => energy(oi, name, unit)),
  ...furtherEnergies.flatMap(([oi, name]) => energy(oi, name, 'kWh')),
  ...kinds.map(([oi, name, , unit]) => demand(oi, name, unit)),
]
