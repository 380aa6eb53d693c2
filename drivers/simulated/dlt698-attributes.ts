import { momentHex, type Data } from '../../src/protocols/dlt698/index.js'
import { electricalAt, type PhaseValues } from './electrical.js'
import { displayTime } from './freeze-registers.js'
import type { MaxDemand } from './history.js'
import { energiesOf, type Energies } from './meter-view.js'
import { statusWord } from './parameter-registers.js'
import type { MeterBody } from './speaker.js'

/** What flows at one moment, for the objects 20xx. */
export interface Moment {
  readonly localMs: number
  readonly watts: number
  readonly vars: number
}

/**
 * The data of an attribute by its OAD.
 *
 * @returns null when the meter has no such object, attribute or element
 */
export function objectData(body: MeterBody, oad: string): Data | null {
  const { physics, clock } = body
  const moment = { localMs: clock.localAt(physics.at), watts: physics.watts, vars: physics.vars }
  return energyData(physics, oad) ?? momentData(body, moment, oad) ?? parameterData(body, oad)
}

/** Number of the attribute; D7–5 say which snapshot of an event record (facts §2.1). */
export const attributeOf = (oad: string): number => Number.parseInt(oad.slice(4, 6), 16) & 0x1f
const elementOf = (oad: string): number => Number.parseInt(oad.slice(6, 8), 16)

/** A display time as date_time_s. */
export const momentOf = (localMs: number): Data => ({ type: 'date_time_s', hex: momentHex(displayTime(localMs)) })

/** OI of an energy to its kind as DL/T 645-2007 numbers it; those with a sign by their type (facts §4.1). */
const energyKinds: ReadonlyMap<string, number> = new Map([
  ['0000', 0x00],
  ['0010', 0x01],
  ['0020', 0x02],
  ['0030', 0x03],
  ['0040', 0x04],
  ['0050', 0x05],
  ['0060', 0x06],
  ['0070', 0x07],
  ['0080', 0x08],
])
const signedKinds: ReadonlySet<number> = new Set([0x00, 0x03, 0x04])
const unitKwh = 33
const unitKvarh = 35

/** Energies and demands, now or of a freeze. @returns null for anything else, and what the source has not */
export function energyData(source: Energies, oad: string): Data | null {
  const oi = oad.slice(0, 4)
  if (oi === '1010' && attributeOf(oad) === 2) return chosen(source.demands.map(demandData), elementOf(oad))
  const kind = energyKinds.get(oi)
  const units = kind === undefined ? null : energiesOf(source, kind)
  if (kind === undefined || units === null) return null
  const isSigned = signedKinds.has(kind)
  switch (attributeOf(oad)) {
    case 2:
      return chosen(
        units.map((value): Data => ({ type: isSigned ? 'int32' : 'uint32', value })),
        elementOf(oad),
      )
    case 3:
      return { type: 'scaler-unit', hex: `FE${hexByte(kind <= 0x02 ? unitKwh : unitKvarh)}` }
    case 4:
      return chosen(
        units.map((value): Data => ({ type: isSigned ? 'int64' : 'uint64', value: BigInt(value) * 100n })),
        elementOf(oad),
      )
    default:
      return null
  }
}

/** 10⁻⁴ kW and its time; no time: none yet. */
function demandData({ watts, at }: MaxDemand): Data {
  const value: Data = { type: 'uint32', value: watts * 10 }
  return { type: 'structure', items: [value, at === 0 ? { type: 'null' } : momentOf(at)] }
}

/** All elements as an array, or one of them. */
function chosen(items: readonly Data[], element: number): Data | null {
  return element === 0 ? { type: 'array', items } : (items[element - 1] ?? null)
}

interface MomentObject {
  readonly type: 'uint16' | 'int16' | 'int32'
  readonly hasTotal: boolean
  readonly value: (phase: PhaseValues) => number
}

const momentObjects: ReadonlyMap<string, MomentObject> = new Map<string, MomentObject>([
  ['2000', { type: 'uint16', hasTotal: false, value: ({ voltage }) => voltage }],
  ['2001', { type: 'int32', hasTotal: false, value: ({ current }) => current }],
  ['2004', { type: 'int32', hasTotal: true, value: ({ active }) => active }],
  ['2005', { type: 'int32', hasTotal: true, value: ({ reactive }) => reactive }],
  ['2006', { type: 'int32', hasTotal: true, value: ({ apparent }) => apparent }],
  ['2007', { type: 'int32', hasTotal: true, value: ({ active }) => active }],
  ['2008', { type: 'int32', hasTotal: true, value: ({ reactive }) => reactive }],
  ['200A', { type: 'int16', hasTotal: true, value: ({ factor }) => factor }],
])

/** Voltages, currents and powers: a single-phase meter has one element, or two where there is a total (facts §4.2). */
export function momentData({ options }: MeterBody, moment: Moment, oad: string): Data | null {
  const oi = oad.slice(0, 4)
  if (!oi.startsWith('20') || attributeOf(oad) !== 2) return null
  const found = momentObjects.get(oi)
  const { total, phases, frequency } = electricalAt(options.point, moment.localMs, moment.watts, moment.vars)
  if (found !== undefined) {
    const all = found.hasTotal ? [total, ...phases] : phases
    return chosen(
      all.map((phase): Data => ({ type: found.type, value: found.value(phase) })),
      elementOf(oad),
    )
  }
  switch (oi) {
    case '200F':
      return { type: 'uint16', value: frequency }
    case '2010':
      return { type: 'int16', value: 180 + (Math.floor(moment.localMs / 3_600_000) % 24) * 5 }
    case '2011':
      return { type: 'uint16', value: 360 }
    case '2012':
      return { type: 'uint16', value: 600 }
    case '2013':
      return { type: 'uint32', value: 0 }
    case '2017':
      return { type: 'int32', value: total.active }
    case '2018':
      return { type: 'int32', value: total.reactive }
    default:
      return null
  }
}

function parameterData(body: MeterBody, oad: string): Data | null {
  const { address, options, physics, clock, relay } = body
  switch (`${oad.slice(0, 4)} ${attributeOf(oad)}`) {
    case '2014 2':
      return chosen(
        [1, 2, 3, 4, 5, 6, 7].map((number) => word(statusWord(body, number), 16)),
        elementOf(oad),
      )
    case '4000 2':
      return momentOf(clock.localAt(physics.at))
    case '4001 2':
    case '4002 2':
      return { type: 'octet-string', hex: address }
    case '4010 2':
      return { type: 'uint8', value: options.point.phases }
    case '4100 2':
      return { type: 'uint8', value: 15 }
    case '4109 2':
    case '410A 2':
      return { type: 'uint32', value: 1200 }
    case '410B 2':
      return { type: 'visible-string', hex: Buffer.from('SIM-698'.padEnd(32, '\0'), 'latin1').toString('hex').toUpperCase() }
    case '8000 3':
      return word(relay.contact === 'open' ? 1 : 0, 8)
    case '8000 4':
      return word(relay.alarm ? 1 : 0, 8)
    case '8000 5':
      return word(relay.command === 'trip' ? 1 : 0, 8)
    case 'F101 2':
      return { type: 'enum', value: options.quirks.needsRandomNumber ? 1 : 0 }
    default:
      return quietEvents(oad)
  }
}

/** Counts of events that never happen to this meter. */
function quietEvents(oad: string): Data | null {
  return /^30(11|13|28|29|2C)$/.test(oad.slice(0, 4)) && attributeOf(oad) === 4 ? { type: 'uint32', value: 0 } : null
}

/** Bit 0 is the first one, the highest of the first byte. */
function word(value: number, bits: 8 | 16): Data {
  let turned = 0
  for (let bit = 0; bit < bits; bit++) if (((value >> bit) & 1) === 1) turned |= 1 << (bits - 1 - bit)
  return {
    type: 'bit-string',
    bits,
    hex: turned
      .toString(16)
      .toUpperCase()
      .padStart(bits / 4, '0'),
  }
}

const hexByte = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0')
