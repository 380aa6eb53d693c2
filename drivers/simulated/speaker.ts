import type { Scanner } from '../../src/ports/index.js'
import type { MeterClock } from './meter-clock.js'
import type { MeterOptions } from './meter.js'
import type { Physics } from './physics.js'
import type { SupplyRelay } from './relay.js'

/** What every protocol of a meter stands on: the device without its communication. */
export interface MeterBody {
  readonly address: string
  readonly options: MeterOptions
  readonly physics: Physics
  readonly relay: SupplyRelay
  readonly clock: MeterClock
  /** Brings registers, freezes and a delayed relay to a true time. */
  advance(trueMs: number): void
  /** The relay may have moved. */
  moved(): void
}

/** What a frame is to a meter: not for it, obeyed in silence, or answered with these bytes. */
export type Heard =
  { readonly kind: 'ignored' } | { readonly kind: 'obeyed' } | { readonly kind: 'answered'; readonly bytes: Uint8Array }

export const ignored: Heard = { kind: 'ignored' }
export const obeyed: Heard = { kind: 'obeyed' }

/** A meter's half of one protocol. */
export interface MeterSpeaker {
  /** Takes in a whole frame at a true time; brings the body to that time where the frame is for it. */
  hear(frame: Uint8Array, trueMs: number): Heard
  /** A frame that comes by itself, such as a heartbeat; null: this protocol has none. */
  unasked(): Uint8Array | null
}

/** A protocol as a line with meters of it sees it. */
export interface MeterLanguage {
  /** By the name that settings use. */
  readonly protocol: string
  /**
   * For whom a request is, by its header alone: an address, `several` (broadcast, wildcard), or null: this is no request of this
   * protocol. Whether the frame is whole is for the meter to judge.
   */
  addressee(request: Uint8Array): string | null
  /** Any whole frame, to take a stream of requests apart. */
  readonly scanner: Scanner
  speaker(body: MeterBody): MeterSpeaker
}

/** An `addressee`: any number of meters. */
export const several = 'several'
