import { noQuirks, type MeterQuirks } from '../../drivers/simulated/meter-quirks.js'
import { SimulatedMeter, type MeterAnswer, type MeterOptions } from '../../drivers/simulated/meter.js'
import { loadShape } from '../../drivers/simulated/load-shape.js'
import { fourRateTable } from '../../drivers/simulated/time-table.js'
import {
  decodeFrame,
  decodeRegister,
  encodeFrame,
  encodeRequest,
  parseReply,
  type Frame,
  type Reply,
  type Request,
} from '../../src/protocols/dlt645/index.js'
import type { RegisterValue } from '../../src/model/index.js'
import { valueOf } from './outcome.js'

/** 2026-03-01 00:00 in China: a Sunday. */
export const marchFirst = Date.UTC(2026, 1, 28, 16)
export const hourMs = 3_600_000
export const address = '000000000161'
export const password = '02123456'
export const operator = '00000007'

/** A residential meter by the book, with exact clock; what a test is about is overridden. */
export function makeMeter(overrides: Partial<MeterOptions> = {}, quirks: Partial<MeterQuirks> = {}): SimulatedMeter {
  const seed = overrides.seed ?? 7
  return new SimulatedMeter({
    address,
    seed,
    installedAt: marchFirst,
    utcOffsetMinutes: 480,
    load: loadShape({ kind: 'residential', seed, peakWatts: 2500 }),
    point: { seed, phases: 1, sourceDv: 2310, dropDvPerKw: 12, neighboursDropDv: 70 },
    rates: 4,
    table: fourRateTable,
    initialForward: 123_456,
    clockOffsetMs: 0,
    clockDriftPpm: 0,
    profileIntervalMinutes: 15,
    profileDays: 40,
    password,
    quirks: { ...noQuirks, ...quirks },
    ...overrides,
  })
}

/** Sends a request to a meter as its bus would. @returns null when it stays silent */
export function ask(meter: SimulatedMeter, request: Request, trueMs: number, to: string = meter.address): Reply | null {
  const answer = meter.hear(encodeRequest(to, request), trueMs)
  if (answer === null) return null
  const reply = valueOf(decodeFrame(answer.bytes))
  if (reply.address !== meter.address) throw new Error('the answer does not carry the own address')
  return valueOf(parseReply(reply))
}

/** Data of a register with its follow-up frames joined; null when it is refused. */
export function readBytes(meter: SimulatedMeter, di: string, trueMs: number): Uint8Array | null {
  let reply = ask(meter, { fn: 'read', di, load: null }, trueMs)
  const parts: number[] = []
  for (let seq = 1; reply !== null; seq = (seq % 255) + 1) {
    if (reply.kind !== 'reply' || (reply.fn !== 'read' && reply.fn !== 'read-more')) return null
    parts.push(...reply.data)
    if (!reply.more) return Uint8Array.from(parts)
    reply = ask(meter, { fn: 'read-more', di, seq }, trueMs)
  }
  return null
}

/** Values of a register as the codec decodes them; null when the meter refuses. */
export function readValues(meter: SimulatedMeter, di: string, trueMs: number): readonly RegisterValue[] | null {
  const data = readBytes(meter, di, trueMs)
  return data === null ? null : valueOf(decodeRegister(di, data))
}

/** The numbers among a register's values. */
export function readInts(meter: SimulatedMeter, di: string, trueMs: number): readonly (number | null)[] {
  return (readValues(meter, di, trueMs) ?? []).flatMap((value) => (value.kind === 'number' ? [value.int] : []))
}

/** Lets a meter hear a frame, also one that no master would send. */
export function hearFrame(meter: SimulatedMeter, { address: to, control, data }: Frame, trueMs: number): MeterAnswer | null {
  return meter.hear(encodeFrame({ address: to, control, data }), trueMs)
}
