import { encodeRegister, findRegister } from '../../src/protocols/dlt645-1997/index.js'
import { electricalAt, type Electrical } from './electrical.js'
import { displayTime } from './freeze-registers.js'
import type { FreezeRecord } from './history.js'
import { energiesOf, type Energies } from './meter-view.js'
import type { MeterBody } from './speaker.js'

type Values = readonly (number | string | null)[]

/**
 * The data of a register of the 1997 edition, without its identifier; a block ends with AA.
 *
 * @param di four hexadecimal digits
 * @returns null when the meter has no such register
 */
export function readRegister1997(body: MeterBody, di: string): Uint8Array | null {
  if (findRegister(di) === null) return null
  const values = valuesOf(body, Number.parseInt(di, 16))
  if (values === null) return null
  const data = encodeRegister(di, values)
  const isBlock = (Number.parseInt(di, 16) & 0x0f) === 0x0f
  return isBlock ? Uint8Array.of(...data, blockEnd) : data
}

const blockEnd = 0xaa

function valuesOf(body: MeterBody, di: number): Values | null {
  const [group, item] = [di >> 8, di & 0xff]
  switch (group >> 4) {
    case 0x9:
      return energies(body, group, item)
    case 0xa:
      return demands(body, group, item)
    case 0xb:
      return group === 0xb6 ? moments(body, item) : events(di)
    case 0xc:
      return parameters(body, di)
    default:
      return null
  }
}

/** High digit of DI0 to the kind of energy as the 2007 edition numbers it: quadrants stand in the order I, IV, II, III. */
const activeKinds: ReadonlyMap<number, number> = new Map([
  [1, 0x01],
  [2, 0x02],
])
const reactiveKinds: ReadonlyMap<number, number> = new Map([
  [1, 0x03],
  [2, 0x04],
  [3, 0x05],
  [4, 0x08],
  [5, 0x06],
  [6, 0x07],
])

/** This month (90, 91), the last one (94, 95) and the one before (98, 99). */
function sourceOf({ physics }: MeterBody, group: number): Energies | FreezeRecord | null {
  const period = (group & 0x0c) >> 2
  return period === 0 ? physics : physics.settlements.last(period)
}

function energies(body: MeterBody, group: number, item: number): Values | null {
  const kind = ((group & 1) === 0 ? activeKinds : reactiveKinds).get(item >> 4)
  const source = sourceOf(body, group)
  const units = kind === undefined || source === null ? null : energiesOf(source, kind)
  return units === null ? null : chosen(units, item & 0x0f)
}

/** Of forward active power alone; its time stands in B0 with the same item, and is not simulated. */
function demands(body: MeterBody, group: number, item: number): Values | null {
  const source = sourceOf(body, group)
  if (source === null || (group & 1) !== 0 || item >> 4 !== 1) return null
  return chosen(
    source.demands.map(({ watts }) => Math.min(799_999, watts * 10)),
    item & 0x0f,
  )
}

/** One of several, or all for a block; null: this meter has not as many. */
function chosen(values: readonly number[], index: number): Values | null {
  if (index === 0x0f) return values
  const value = values[index]
  return value === undefined ? null : [value]
}

/** Voltages in whole volts, currents in 0.01 A, power in 0.1 W, reactive power in 0.01 kvar, factors in 0.001. */
function moments({ options, physics, clock }: MeterBody, item: number): Values | null {
  const now = electricalAt(options.point, clock.localAt(physics.at), physics.watts, physics.vars)
  const register = momentRegisters.get(item >> 4)
  if (register === undefined) return null
  const values = register(now)
  const index = item & 0x0f
  if (index === 0x0f) return values
  const value = values[index - (values.length === 3 ? 1 : 0)]
  return value === undefined ? null : [value]
}

const phasesOf = (now: Electrical, value: (phase: Electrical['total']) => number): readonly number[] =>
  [0, 1, 2].map((index) => {
    const phase = now.phases[index]
    return phase === undefined ? 0 : value(phase)
  })

/** Power has no sign in this edition. */
const momentRegisters: ReadonlyMap<number, (now: Electrical) => readonly number[]> = new Map([
  [1, (now: Electrical) => phasesOf(now, ({ voltage }) => Math.round(voltage / 10))],
  [2, (now: Electrical) => phasesOf(now, ({ current }) => Math.min(9999, Math.round(Math.abs(current) / 10)))],
  [3, (now: Electrical) => [now.total, ...threeOf(now)].map(({ active }) => Math.min(799_999, Math.abs(active)))],
  [
    4,
    (now: Electrical) => [now.total, ...threeOf(now)].map(({ reactive }) => Math.min(9999, Math.round(Math.abs(reactive) / 100))),
  ],
  [5, (now: Electrical) => [now.total, ...threeOf(now)].map(({ factor }) => Math.abs(factor))],
])

const noPhase: Electrical['total'] = { voltage: 0, current: 0, active: 0, reactive: 0, apparent: 0, factor: 1000 }
const threeOf = (now: Electrical): readonly Electrical['total'][] => [0, 1, 2].map((index) => now.phases[index] ?? noPhase)

/** Programmings and clearings of demand: none. */
function events(di: number): Values | null {
  return di === 0xb212 || di === 0xb213 ? [0] : null
}

const two = (value: number): string => String(value).padStart(2, '0')

function parameters({ address, options, physics, clock }: MeterBody, di: number): Values | null {
  const localMs = clock.localAt(physics.at)
  const time = displayTime(localMs)
  switch (di) {
    case 0xc010:
      return [`${time.year}-${two(time.month)}-${two(time.day)}`, new Date(localMs).getUTCDay()]
    case 0xc011:
      return [`${two(time.hour)}:${two(time.minute)}:${two(time.second)}`]
    case 0xc020:
      return ['00']
    case 0xc030:
    case 0xc031:
      return [1200]
    case 0xc032:
      return [address]
    case 0xc111:
      return [15]
    case 0xc112:
      return [1]
    case 0xc313:
      return [options.rates]
    default:
      return null
  }
}
