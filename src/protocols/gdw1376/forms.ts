import { bytesLeft, complain, take } from './cursor.js'
import { byteAt, bytesOf, hexOf, joinBytes } from '../wire/bytes.js'
import { address, counted, digits, join, record, reserved, times, u16, u8, type Layout, type ValueOf } from './layouts.js'
import { date, letters } from './text-layouts.js'
import { bit, bits, word } from './words.js'

/** No data. */
export const empty = record({})

/** A page of a list: `start` counts from 1 (some modules take 0, others refuse it). */
export const page = record({ start: u16, count: u8 })

/** A meter and its protocol type: 0 transparent, 1 DL/T 645-1997, 2 DL/T 645-2007, 3 DL/T 698.45 (facts §2.5). */
export const meter = record({ address, protocol: u8 })

/** A meter frame with protocol type and one byte of length; in an answer an empty one means that the meter did not answer. */
export const meterFrame = record({ protocol: u8, payload: counted(1) })

/** A transmission rate; `rateUnit` 0: bit/s, 1: kbit/s. */
export const rate = word(2, { rate: bits(0, 15), rateUnit: bits(15, 1) })

/** A node of a node list (10F2, 10F5, 10F6). `phaseBits`: 1, 2, 4 = A, B, C. */
export const node = join(
  record({ address }),
  word(1, { relayLevel: bits(0, 4), quality: bits(4, 4) }),
  word(1, { phaseBits: bits(0, 3), protocol: bits(3, 3) }),
)

/** Maker and chip, date and number of a module's firmware (03F1, and in 03F10). */
export const vendorVersion = record({ vendor: letters(2), chip: letters(2), versionDate: date, version: digits(2) })

/** A module's identification; `idFormat` 0 mixed, 1 BCD, 2 binary, 3 ASCII. The bytes stay as they came, in hexadecimal. */
export const moduleId: Layout<{ readonly vendor: string; readonly idFormat: number; readonly id: string }> = {
  read: (cursor) => {
    const { vendor, idLength, idFormat } = moduleIdHead.read(cursor)
    return { vendor, idFormat, id: hexOf(take(cursor, idLength)) }
  },
  write: ({ vendor, idFormat, id }) => {
    const bytes = bytesOf(id)
    return joinBytes([moduleIdHead.write({ vendor, idLength: bytes.length, idFormat }), bytes])
  },
}

const moduleIdHead = record({ vendor: letters(2), idLength: u8, idFormat: u8 })

/**
 * 00F1: `commandStatus` in hexadecimal as on the wire: four bytes since 2013, two in 2009, none from a simulator (then `waitSeconds`
 * is null). Makers send FF FF FF FF or zeros: nothing may depend on its bits (facts §3, 00H).
 */
export const confirmation: Layout<{ readonly commandStatus: string; readonly waitSeconds: number | null }> = {
  read: (cursor) => {
    const left = bytesLeft(cursor)
    if (left === 0) return { commandStatus: '', waitSeconds: null }
    if (left !== 4 && left !== 6)
      complain(cursor, { code: 'bad-length', message: `a confirmation has 0, 4 or 6 bytes, not ${left}` })
    return { commandStatus: hexOf(take(cursor, Math.max(left - 2, 0))), waitSeconds: u16.read(cursor) }
  },
  write: ({ commandStatus, waitSeconds }) => {
    if (![0, 4, 8].includes(commandStatus.length) || (commandStatus === '') !== (waitSeconds === null)) {
      throw new RangeError('a confirmation has a status of 2 or 4 bytes and a waiting time, or neither')
    }
    return waitSeconds === null ? new Uint8Array() : joinBytes([bytesOf(commandStatus), u16.write(waitSeconds)])
  },
}

/** Whether a status says that the command is done (true) or only accepted (false); null: it says nothing. */
export function isProcessed(commandStatus: string): boolean | null {
  return commandStatus === '' ? null : (byteAt(bytesOf(commandStatus), 0) & 1) === 1
}

const statusWord = join(
  word(1, { rateCount: bits(0, 4), channelFeature: bits(4, 2), periodMode: bits(6, 2) }),
  word(1, { channels: bits(0, 4) }),
)

/** 03F5. `periodMode` 0 both, 1 concentrator-led, 2 module-led: another encoding than in the run mode. */
export const moduleStatus = withRates(statusWord)

const runModeHead = join(
  word(1, { commMode: bits(0, 4), ownRouting: bit(4), needsArchive: bit(5), periodMode: bits(6, 2) }),
  word(1, { delaySupport: bits(0, 3), switchover: bits(3, 2), confirmsBroadcastFirst: bit(5), broadcastChannels: bits(6, 2) }),
  word(1, { channels: bits(0, 5), powerLossCapability: bits(5, 3) }),
  word(1, { rateCount: bits(0, 4), regionalUse: bits(4, 4) }),
  reserved(2),
  record({ slaveTimeoutS: u8, broadcastTimeoutS: u16, maxFrame: u16, maxFilePacket: u16, upgradeWaitMin: u8, mainNode: address }),
  record({ maxSlaves: u16, currentSlaves: u16, protocolDate: date, recordDate: date }),
  vendorVersion,
)

/**
 * 03F10, the run mode (facts §3). `commMode` 1 narrowband, 2 broadband, 3 RF, 4 dual: other numbers than the control byte's.
 * `periodMode` 1 concentrator-led, 2 module-led, 3 both. `switchover` after a failure: 1 the module, 2 the concentrator. `confirmsBroadcastFirst`:
 * 00F1 to a broadcast comes before it is carried out, so its waiting time counts.
 */
export const runMode = withRates(runModeHead)
export type RunMode = ValueOf<typeof runMode>

type Rates = readonly ValueOf<typeof rate>[]
interface Counting {
  readonly rateCount: number
}

/** Fixed members, one of which says how many rates follow: the rates give it themselves. */
function withRates<T extends Counting>(head: Layout<T>): Layout<Omit<T, 'rateCount'> & { readonly rates: Rates }>
function withRates(head: Layout<Counting>): Layout<{ readonly rates: Rates }> {
  return {
    read: (cursor) => {
      const { rateCount, ...members } = head.read(cursor)
      return { ...members, rates: times(rateCount, rate).read(cursor) }
    },
    write: ({ rates, ...members }) =>
      joinBytes([head.write({ ...members, rateCount: rates.length }), times(rates.length, rate).write(rates)]),
  }
}
