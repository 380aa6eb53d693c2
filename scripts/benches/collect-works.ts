import type { LinkKind } from '../../drivers/simulated/index.js'

/** A request of the concentrator and the meter's answer, in bytes of the meter's frames, the four wake-up bytes of each included. */
export interface MeterExchange {
  readonly out: number
  readonly back: number
}

/** Something to collect from every meter of a link. */
export interface CollectWork {
  readonly name: string
  readonly kind: 'freeze' | 'curve' | 'back-fill'
  readonly protocol: 'dlt645-2007' | 'dlt698-45'
  /** The fewest exchanges that bring it from one meter, by the standard's frames. */
  readonly exchanges: readonly MeterExchange[]
  readonly valuesPerMeter: number
}

export interface CollectMedium {
  readonly name: string
  readonly kind: LinkKind
  /** Of the wires with meters. */
  readonly baud: number
  readonly meters: number
  readonly works: readonly CollectWork[]
}

const wakeUp = 4

/** DL/T 645-2007: head, address, control, length, checksum and end are 12 bytes; an identifier has 4. */
const read645 = (dataBytes: number): MeterExchange => ({ out: wakeUp + 16, back: wakeUp + 16 + dataBytes })

/** DL/T 698.45: a frame with a meter's address has 17 bytes around its APDU. */
const ask698 = (requestBytes: number, answerBytes: number): MeterExchange => {
  return { out: wakeUp + 17 + requestBytes, back: wakeUp + 17 + answerBytes }
}

/** As 698.45 writes data: an array has two bytes in front, each element its type and its bytes. */
const array698 = (elements: number, bytes: number): number => 2 + elements * (1 + bytes)

/** Total and four rates, powers of total and phases, voltages, currents. */
const curve698 = [array698(5, 4), array698(4, 4), array698(3, 2), array698(3, 4)]
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

/** Freezes are had with their time: the last one may be of another day. */
const freeze645: CollectWork = {
  name: 'daily freezes, 645',
  kind: 'freeze',
  protocol: 'dlt645-2007',
  exchanges: [read645(5), read645(20)],
  valuesPerMeter: 5,
}

const curve645: CollectWork = {
  name: '15-minute curve, 645 blocks',
  kind: 'curve',
  protocol: 'dlt645-2007',
  exchanges: [read645(20), read645(12), read645(6), read645(9)],
  valuesPerMeter: 15,
}

/** GET record of the last day freeze with its time: one row. */
const freeze698: CollectWork = {
  name: 'daily freezes, 698 record',
  kind: 'freeze',
  protocol: 'dlt698-45',
  // Service, priority, record's OAD, last row, two columns, no time tag; the answer repeats the columns.
  exchanges: [ask698(3 + 4 + 2 + 1 + 2 * 5 + 1, 3 + 4 + 1 + 2 * 5 + 2 + 8 + array698(5, 4) + 2)],
  valuesPerMeter: 5,
}

/** GET list of four objects. */
const curve698List: CollectWork = {
  name: '15-minute curve, 698 list',
  kind: 'curve',
  protocol: 'dlt698-45',
  exchanges: [ask698(4 + 4 * 4 + 1, 4 + sum(curve698.map((bytes) => 5 + bytes)) + 2)],
  valuesPerMeter: 15,
}

/** Quarters of an hour that a back-fill brings. */
export const recordsMissed = 24
/** Data bytes of one answer by the simulated meters; the rest follows in further frames. */
const partBytes = 195

/** Load records of the classes 1 (voltage, current), 2 (power) and 4 (energy), all asked at once. */
const backfill645: CollectWork = {
  name: `back-fill of ${recordsMissed} load records, 645`,
  kind: 'back-fill',
  protocol: 'dlt645-2007',
  // Of each record: A0 A0, length, checksum, end; time; six places, of which one is filled.
  exchanges: [17, 24, 16].flatMap((classBytes) => records645(recordsMissed * (5 + 5 + 6 + classBytes))),
  valuesPerMeter: recordsMissed * 11,
}

/** A request with count and time, and one with a number for each part beyond the first. */
function records645(dataBytes: number): readonly MeterExchange[] {
  const parts = Math.ceil(dataBytes / partBytes)
  return Array.from({ length: parts }, (_, part) => {
    const bytes = Math.min(partBytes, dataBytes - part * partBytes)
    if (part === 0) return { out: wakeUp + 16 + 6, back: wakeUp + 16 + bytes }
    return { out: wakeUp + 16 + 1, back: wakeUp + 16 + bytes + 1 }
  })
}

const both = [freeze645, curve645, freeze698, curve698List]

export const collectMedia: readonly CollectMedium[] = [
  { name: 'RS-485 at 2400', kind: 'rs485', baud: 2400, meters: 32, works: [...both, backfill645] },
  { name: 'RS-485 at 9600', kind: 'rs485', baud: 9600, meters: 32, works: [...both, backfill645] },
  { name: 'HPLC', kind: 'plc-hplc', baud: 2400, meters: 200, works: both },
  { name: 'narrow-band PLC', kind: 'plc-narrow', baud: 2400, meters: 25, works: both },
  { name: 'micro-power wireless', kind: 'wireless', baud: 2400, meters: 40, works: both },
  { name: 'radio modem', kind: 'radio-modem', baud: 2400, meters: 20, works: both },
]
