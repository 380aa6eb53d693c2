import type { Clock, Timers } from '../../src/ports/index.js'
import type { FarDevice, FarLines } from './far-device.js'
import { seededRandom, type SeededRandom } from './random.js'
import type { SimulatedWire } from './wire.js'

/** What a modem of the E32 kind is set to, and how it behaves. */
export interface ModemOptions {
  /** Meters, each with a modem of its own on the same channel. */
  readonly wire: SimulatedWire
  readonly seed: number
  readonly clock: Clock
  readonly timers: Timers
  readonly trueStart: number
  readonly uartBaud?: (typeof uartSpeeds)[number]
  readonly uartParity?: 'none' | 'odd' | 'even'
  readonly airRate?: (typeof airRates)[number]
  readonly channel?: number
  readonly address?: number
  readonly fec?: boolean
  readonly powerStep?: 0 | 1 | 2 | 3
  readonly wakeUpMs?: number
  /** Of the wires between far modems and their meters. */
  readonly meterBaud?: number
  readonly faults?: Partial<ModemFaults>
  readonly quirks?: Partial<ModemQuirks>
}

/** What goes wrong in the air. Shares are millionths of packets. */
export interface ModemFaults {
  readonly lostPacketsPpm: number
  /** Another modem repeats it. */
  readonly twicePpm: number
  /** A pause in front of a packet, at most so long. */
  readonly gapPpm: number
  readonly gapMsMax: number
  /** A packet of somebody else's: up to 58 random bytes. */
  readonly strangerPpm: number
}

export interface ModemQuirks {
  /** When `C1 C1 C1` is answered: while both lines are not asserted, at any time, or never. */
  readonly configuration: 'lines' | 'always' | 'never'
  /** What the answer is like: as it should be, cut, too long, in two halves, or with a wrong head. */
  readonly answer: 'right' | 'short' | 'long' | 'halves' | 'wrong-head'
}

export const noModemFaults: ModemFaults = { lostPacketsPpm: 0, twicePpm: 0, gapPpm: 0, gapMsMax: 0, strangerPpm: 0 }
export const noModemQuirks: ModemQuirks = { configuration: 'lines', answer: 'right' }

/** The air takes packets of so many bytes at most (DESIGN, issue 3: the E32 kind). */
export const packetBytesMax = 58
/** Preamble, header and check of a packet, as bytes at the air's speed; assumption. */
const packetOverheadBytes = 16
/** A pause of so many bytes ends what a modem was given; from the end of a packet to its first byte on the wire. Makers' manuals of E32. */
const pauseBytes = 3
const handOverMs = 5

const uartSpeeds = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200] as const
const airRates = [300, 1200, 2400, 4800, 9600, 19_200] as const
const parities = ['none', 'odd', 'even'] as const
const readCommand = 0xc1
const savedHead = 0xc0

/** A span of the air in use. */
interface Packet {
  readonly startAt: number
  readonly endAt: number
  readonly bytes: Uint8Array
  isSpoiled: boolean
}

/**
 * A transparent radio modem at the concentrator's port, the air, and a modem at each meter. Bytes go in packets; a packet arrives whole
 * or not at all, two at a time spoil each other, and whoever talks hears nothing.
 */
export class SimulatedRadioModem implements FarDevice {
  readonly byteMs: number
  readonly #o: ModemOptions
  readonly #faults: () => ModemFaults
  readonly #random: SeededRandom
  readonly #parameters: Uint8Array
  readonly #farByteMs: number
  #speak: (bytes: Uint8Array) => void = () => undefined
  #isConfiguring = false
  #airFreeAt = 0
  #inAir: Packet[] = []
  /** Packets that went out, came in, and were lost one way or the other. */
  readonly counts = { sent: 0, heard: 0, lost: 0, collisions: 0 }

  constructor(options: ModemOptions) {
    const { uartBaud = 9600, meterBaud = 2400 } = options
    this.#o = options
    this.byteMs = (options.uartParity === undefined || options.uartParity === 'none' ? 10_000 : 11_000) / uartBaud
    this.#farByteMs = 11_000 / meterBaud
    this.#faults = () => ({ ...noModemFaults, ...options.faults })
    this.#random = seededRandom(options.seed).fork('radio modem')
    this.#parameters = parametersOf(options)
  }

  onSpeak(handler: (bytes: Uint8Array) => void): void {
    this.#speak = handler
  }

  powerOn(): void {}

  /** Nothing of a modem waits for long. */
  powerOff(): void {}

  /** Both not asserted: configuration mode (the pins M0 and M1 are high then). */
  setLines({ dtr, rts }: FarLines): void {
    this.#isConfiguring = !dtr && !rts
  }

  /** Bytes of the concentrator, of which the last has just come. */
  hear(bytes: Uint8Array): void {
    if (this.#isRead(bytes)) return this.#tellParameters()
    if (this.#isConfiguring) return
    const now = this.#now
    const firstAt = now - bytes.length * this.byteMs
    const { heard, endAt } = this.#transmit({ bytes, firstAt, byteMs: this.byteMs })
    const farMs = heard.length * this.#farByteMs
    this.#later(endAt + handOverMs + farMs - now, () => this.#reachMeters(heard))
  }

  #isRead(bytes: Uint8Array): boolean {
    if (bytes.length !== 3 || bytes.some((byte) => byte !== readCommand)) return false
    const { configuration } = this.#quirks
    return configuration === 'always' || (configuration === 'lines' && this.#isConfiguring)
  }

  get #quirks(): ModemQuirks {
    return { ...noModemQuirks, ...this.#o.quirks }
  }

  #tellParameters(): void {
    const say = (bytes: Uint8Array, afterMs: number): void => this.#later(afterMs, () => this.#speak(bytes))
    const parameters = this.#parameters
    switch (this.#quirks.answer) {
      case 'right':
        return say(parameters, handOverMs)
      case 'short':
        return say(parameters.subarray(0, 5), handOverMs)
      case 'long':
        return say(Uint8Array.of(...parameters, 0x00), handOverMs)
      case 'wrong-head':
        return say(Uint8Array.of(0xc1, ...parameters.subarray(1)), handOverMs)
      case 'halves':
        say(parameters.subarray(0, 3), handOverMs)
        return say(parameters.subarray(3), handOverMs + 3 * this.byteMs + 8)
    }
  }

  /** The far modems have handed on what they heard; meters answer on their own wires. */
  #reachMeters(request: Uint8Array): void {
    const trueNow = this.#o.trueStart + Math.floor(this.#now)
    for (const { delayMs, bytes } of this.#o.wire.hear(request, trueNow)) {
      const { packets } = this.#transmit({ bytes, firstAt: this.#now + delayMs, byteMs: this.#farByteMs })
      for (const packet of packets) this.#later(packet.endAt + handOverMs - this.#now, () => this.#deliver(packet))
    }
  }

  #deliver(packet: Packet): void {
    this.#inAir = this.#inAir.filter((other) => other !== packet)
    if (this.#isConfiguring) return
    if (packet.isSpoiled) {
      this.counts.collisions++
      return
    }
    const faults = this.#faults()
    if (this.#random.chance(faults.lostPacketsPpm)) {
      this.counts.lost++
      return
    }
    this.counts.heard++
    if (this.#random.chance(faults.strangerPpm)) this.#speak(randomBytes(this.#random, 1 + this.#random.below(packetBytesMax)))
    this.#speak(packet.bytes)
    if (this.#random.chance(faults.twicePpm)) this.#speak(packet.bytes.slice())
  }

  /** Cuts bytes that come in at a pace into packets. @returns what of them is heard at the other side, and when the last has ended */
  #transmit({ bytes, firstAt, byteMs }: Coming): {
    readonly heard: Uint8Array
    readonly packets: readonly Packet[]
    readonly endAt: number
  } {
    const faults = this.#faults()
    const isOwn = byteMs === this.byteMs
    const packets: Packet[] = []
    const heard: number[] = []
    let endAt = isOwn ? this.#airFreeAt : 0
    for (let at = 0; at < bytes.length; at += packetBytesMax) {
      const carried = bytes.slice(at, at + packetBytesMax)
      const isFull = carried.length === packetBytesMax
      const readyAt = firstAt + (at + carried.length + (isFull ? 0 : pauseBytes)) * byteMs
      const gapMs = this.#random.chance(faults.gapPpm) ? this.#random.below(faults.gapMsMax + 1) : 0
      const startAt = Math.max(readyAt, endAt) + gapMs
      endAt = startAt + this.#airMs(carried.length)
      packets.push(this.#occupy({ startAt, endAt, bytes: carried, isSpoiled: false }))
      const isLost = isOwn && this.#random.chance(faults.lostPacketsPpm)
      if (isLost) this.counts.lost++
      else heard.push(...carried)
    }
    if (isOwn) {
      this.#airFreeAt = endAt
      this.counts.sent += packets.length
    }
    return { heard: Uint8Array.from(heard), packets, endAt }
  }

  /** Two packets at a time spoil one another. */
  #occupy(packet: Packet): Packet {
    const now = this.#now
    this.#inAir = this.#inAir.filter(({ endAt }) => endAt + 1_000 > now)
    for (const other of this.#inAir) {
      if (other.startAt >= packet.endAt || packet.startAt >= other.endAt) continue
      other.isSpoiled = true
      packet.isSpoiled = true
    }
    this.#inAir.push(packet)
    return packet
  }

  #airMs(bytes: number): number {
    const { airRate = 2400, wakeUpMs = 0 } = this.#o
    return ((bytes + packetOverheadBytes) * 8_000) / airRate + wakeUpMs
  }

  get #now(): number {
    return this.#o.clock.monotonic()
  }

  #later(delayMs: number, fire: () => void): void {
    this.#o.timers.after(Math.max(0, delayMs), fire)
  }
}

interface Coming {
  readonly bytes: Uint8Array
  /** When the first byte begins to come. */
  readonly firstAt: number
  readonly byteMs: number
}

/** Head, address, speed, channel, options: what `C1 C1 C1` is answered by. */
function parametersOf(options: ModemOptions): Uint8Array {
  const { address = 0, uartBaud = 9600, uartParity = 'none', airRate = 2400, channel = 23, fec = true, powerStep = 0 } = options
  const speed = (parities.indexOf(uartParity) << 6) | (uartSpeeds.indexOf(uartBaud) << 3) | airRates.indexOf(airRate)
  const wakeUp = Math.max(0, Math.round((options.wakeUpMs ?? 250) / 250) - 1)
  // Transparent, push-pull.
  const option = 0x40 | (wakeUp << 3) | (fec ? 0x04 : 0) | powerStep
  return Uint8Array.of(savedHead, address >> 8, address & 0xff, speed, channel, option)
}

function randomBytes(random: SeededRandom, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256))
}
