import type { RateSwitch } from '../../src/model/index.js'
import { writeBcd } from '../../src/protocols/dlt645/bcd.js'
import { asciiBytes, dateStamp, joined, pair, secondStamp, unpair } from './register-bytes.js'
import type { FeederPoint } from './electrical.js'
import type { MeterView } from './meter-view.js'
import type { Physics } from './physics.js'
import type { SupplyRelay } from './relay.js'

/** Parameters, `04 ..`: what is computed, then what is stored (facts §8.4 to §8.6). */
export function parameterRegister(view: MeterView, di: number): Uint8Array | null {
  switch (di) {
    case 0x04000101:
      return dateStamp(view.localMs)
    case 0x04000102:
      return secondStamp(view.localMs).subarray(0, 3)
    case 0x0400010c:
      return joined([secondStamp(view.localMs).subarray(0, 3), dateStamp(view.localMs)])
    case 0x04000401:
    case 0x04000402:
      return addressField(view.address)
    case 0x040005ff:
      return joined([1, 2, 3, 4, 5, 6, 7].map((number) => statusBytes(view, number)))
    case 0x04001401:
      return writeBcd(view.relay.tripDelayMinutes, 2)
    case 0x04010000:
      // One year zone: day table 1 from the first of January.
      return Uint8Array.of(0x01, 0x01, 0x01)
    case 0x04010001:
      return dayTableBytes(view.physics.table)
    default:
      return di >= 0x04000501 && di <= 0x04000507 ? statusBytes(view, di - 0x04000500) : (view.parameters.get(di) ?? null)
  }
}

/** What a meter is delivered with. Prices are in 10⁻⁴ yuan. */
export function initialParameters(options: {
  readonly intervalMinutes: number
  readonly rates: number
}): Map<number, Uint8Array> {
  const parameters = new Map<number, Uint8Array>([
    [0x04000103, writeBcd(15, 1)],
    [0x04000104, writeBcd(1, 1)],
    [0x04000201, writeBcd(1, 1)],
    [0x04000202, writeBcd(1, 1)],
    [0x04000203, writeBcd(8, 1)],
    [0x04000204, writeBcd(options.rates, 1)],
    [0x04000306, writeBcd(1, 3)],
    [0x04000307, writeBcd(1, 3)],
    [0x04000404, asciiBytes('220V', 6)],
    [0x04000405, asciiBytes('5A', 6)],
    [0x04000406, asciiBytes('60A', 6)],
    [0x04000409, writeBcd(1200, 3)],
    [0x0400040a, writeBcd(1200, 3)],
    [0x0400040b, asciiBytes('SIM-2007', 10)],
    [0x0400040d, asciiBytes('DL/T645-2007', 16)],
    // Combined active = forward + reverse: bits 0 and 2.
    [0x04000601, Uint8Array.of(0x05)],
    [0x04000703, Uint8Array.of(0x08)],
    [0x04000801, Uint8Array.of(0x7f)],
    [0x04000901, Uint8Array.of(0x3f)],
    [0x04000906, Uint8Array.of(0xff)],
    [0x04000b01, Uint8Array.of(0x00, 0x01)],
    [0x04001203, Uint8Array.of(0x00, 0x00)],
    [0x04001001, writeBcd(2000, 4)],
    [0x04001002, writeBcd(500, 4)],
    [0x04001402, writeBcd(0, 2)],
    [0x04800001, asciiBytes('sim-1', 32)],
  ])
  for (let number = 1; number <= 6; number++) parameters.set(0x04000a01 + number, writeBcd(options.intervalMinutes, 2))
  return parameters
}

/** Reads a day table as it is written: entries of tariff, minute, hour. @returns null unless it starts at 00:00 and rises */
export function parseDayTable(data: Uint8Array, rates: number): readonly RateSwitch[] | null {
  if (data.length === 0 || data.length % 3 !== 0 || data.length > 42) return null
  const table: RateSwitch[] = []
  for (let place = 0; place < data.length; place += 3) {
    const [rate, minute, hour] = Array.from(data.subarray(place, place + 3), unpair)
    if (rate === undefined || minute === undefined || hour === undefined) return null
    if (!(rate >= 1 && rate <= rates && minute < 60 && hour < 24)) return null
    const last = table.at(-1)?.minute ?? -1
    const start = hour * 60 + minute
    // Unused entries repeat the last one (facts §8.5).
    if (start > last) table.push({ minute: start, rate })
    else if (start < last) return null
  }
  return table[0]?.minute === 0 ? table : null
}

function dayTableBytes(table: readonly RateSwitch[]): Uint8Array {
  return joined(table.map(({ minute, rate }) => Uint8Array.of(pair(rate), pair(minute % 60), pair(Math.floor(minute / 60)))))
}

function addressField(address: string): Uint8Array {
  const bytes = new Uint8Array(6)
  for (let place = 0; place < 6; place++) bytes[5 - place] = Number.parseInt(address.slice(place * 2, place * 2 + 2), 16)
  return bytes
}

/** Status words 1 to 7 (facts §8.6), low byte first. */
function statusBytes(view: MeterView, number: number): Uint8Array {
  const word = statusWord({ ...view, options: { point: view.point } }, number)
  return Uint8Array.of(word & 0xff, word >> 8)
}

/** What the running status words are made of. */
export interface StatusSource {
  readonly physics: Pick<Physics, 'watts'>
  readonly relay: SupplyRelay
  readonly options: { readonly point: FeederPoint }
}

/** One running status word of seven, bit 0 the lowest. */
export function statusWord(meter: StatusSource, number: number): number {
  const isReverse = meter.physics.watts < 0
  switch (number) {
    case 1:
      return bit(4, isReverse)
    case 2:
      return isReverse ? (meter.options.point.phases === 3 ? 0b111 : 0b001) : 0
    case 3:
      return (
        bit(4, meter.relay.contact === 'open') |
        bit(6, meter.relay.command === 'trip') |
        bit(7, meter.relay.alarm) |
        bit(12, meter.relay.protected)
      )
    case 4:
      return bit(6, isReverse)
    default:
      return 0
  }
}

const bit = (number: number, isSet: boolean): number => (isSet ? 1 << number : 0)
