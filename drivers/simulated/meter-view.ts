import { writeBcd } from '../../src/protocols/dlt645/bcd.js'
import type { FeederPoint } from './electrical.js'
import type { MaxDemand } from './history.js'
import type { Physics } from './physics.js'
import { joined, minuteStamp } from './register-bytes.js'
import type { SupplyRelay } from './relay.js'

/** What the registers are read from. The physics stand at the moment of the read. */
export interface MeterView {
  readonly address: string
  readonly physics: Physics
  readonly relay: SupplyRelay
  readonly point: FeederPoint
  /** Display time, ms. */
  readonly localMs: number
  readonly parameters: ReadonlyMap<number, Uint8Array>
  /** What a freeze or load record that does not exist reads as. */
  readonly emptyRecords: 'refused' | 'zeros'
}

/** What a meter shows now, or showed at a freeze. */
export interface Energies {
  readonly forward: readonly number[]
  readonly reverse: readonly number[]
  readonly reactive: readonly number[]
  readonly demands: readonly MaxDemand[]
}

/** Energies of one kind: total, then the rates. @returns null for a kind this meter has not */
export function energiesOf(source: Energies, type: number): readonly number[] | null {
  switch (type) {
    case 0x00:
      return source.forward.map((units, index) => (units + (source.reverse[index] ?? 0)) % signedWrap)
    case 0x01:
      return source.forward
    case 0x02:
      return source.reverse
    case 0x03:
      return source.reactive.map((units) => units % signedWrap)
    case 0x05:
      return source.reactive
    case 0x04:
    case 0x06:
    case 0x07:
    case 0x08:
      return source.forward.map(() => 0)
    default:
      return null
  }
}

/** Maximum demand of forward active power with its time, 8 bytes for the total and each rate. */
export function demandBytes(demands: readonly MaxDemand[]): Uint8Array {
  return joined(demands.map((demand) => joined([writeBcd(Math.min(799_999, demand.watts * 10), 3), minuteStamp(demand.at)])))
}

/** Signed energies have the top bit for the sign, so they wrap at 800 000 kWh. */
const signedWrap = 80_000_000
