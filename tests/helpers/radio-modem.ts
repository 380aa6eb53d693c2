import { encodeParameters, type RadioParameters } from '../../drivers/wireless/index.js'
import { packetBytes, packetMs, type AirPace } from '../../drivers/wireless/air-time.js'
import type { Clock, ModemLines, Scanner, Timers } from '../../src/ports/index.js'
import { FakeLink } from './fake-link.js'

export const modemParameters: RadioParameters = {
  isSaved: true,
  address: 0x0102,
  uartParity: 'none',
  uartBaud: 9600,
  airRate: 2400,
  channel: 23,
  transmission: 'transparent',
  drive: 'push-pull',
  wakeUpMs: 250,
  fec: true,
  powerStep: 0,
}

/** A request of a given length: `3F meter register 00… 0D`. */
export function longRequest(meter: number, register: number, length = 20): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set([0x3f, meter, register])
  bytes[length - 1] = 0x0d
  return bytes
}

/** A reply of a given length that tells it: `21 meter register length … sum 0D`; what is between looks like nothing else. */
export function longReply(
  meter: number,
  register: number,
  length: number,
  fill = (i: number): number => 0x80 | (i % 101),
): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => fill(i))
  bytes.set([0x21, meter, register, length])
  bytes[length - 2] = sumOf(bytes.subarray(0, length - 2))
  bytes[length - 1] = 0x0d
  return bytes
}

export function longScanner(meter: number, register: number): Scanner {
  const head = [0x21, meter, register]
  return (bytes) => {
    for (const [i, want] of head.entries()) {
      if (i >= bytes.length) return { kind: 'incomplete' }
      if (bytes[i] !== want) return { kind: 'noise', skip: 1 }
    }
    const length = bytes[3]
    if (length === undefined || bytes.length < length) return { kind: 'incomplete' }
    const isWhole = length >= 6 && bytes[length - 1] === 0x0d && bytes[length - 2] === sumOf(bytes.subarray(0, length - 2))
    return isWhole ? { kind: 'frame', length } : { kind: 'noise', skip: 1 }
  }
}

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum + byte) & 0x7f, 0)

/** The packets that a modem makes of bytes. */
export function packetsIn(bytes: Uint8Array): readonly Uint8Array[] {
  const packets: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += packetBytes) packets.push(bytes.slice(at, at + packetBytes))
  return packets
}

/** A modem on a wire of 1 ms a byte: answers in configuration mode, and brings packets at the pace of its air. */
export class FakeModem extends FakeLink {
  readonly lines: ModemLines[] = []
  /** What it says to `C1 C1 C1`; the next answer first, the last one for ever. */
  answers: (Uint8Array | null)[] = [encodeParameters(modemParameters)]
  /** `lines`: in configuration mode while both lines are not asserted. */
  mode: 'lines' | 'always' | 'never' = 'always'
  linesFail = false
  readonly #timers: Timers

  constructor(time: Clock & Timers, byteMs = 1) {
    super(time, byteMs)
    this.#timers = time
  }

  setLines(lines: ModemLines): Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }> {
    if (this.linesFail) return Promise.resolve({ ok: false, code: 'no-lines' })
    this.lines.push(lines)
    return Promise.resolve({ ok: true })
  }

  override write(bytes: Uint8Array): ReturnType<FakeLink['write']> {
    const written = super.write(bytes)
    if (written.ok && this.#isAsked(bytes)) this.#answer()
    return written
  }

  /** Packets one after the other, the first byte of the first `afterMs` from now; `gapMs` lies between them. */
  bring(packets: readonly Uint8Array[], afterMs: number, gapMs: number): void {
    let at = afterMs
    for (const packet of packets) {
      for (let from = 0; from < packet.length; from += 16) {
        const piece = packet.slice(from, from + 16)
        this.#timers.after(at + from * this.byteMs, () => this.say(piece))
      }
      at += packet.length * this.byteMs + gapMs
    }
  }

  #isAsked(bytes: Uint8Array): boolean {
    if (bytes.length !== 3 || bytes.some((byte) => byte !== 0xc1)) return false
    const last = this.lines.at(-1)
    return this.mode === 'always' || (this.mode === 'lines' && last !== undefined && !last.dtr && !last.rts)
  }

  #answer(): void {
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
    if (answer === null || answer === undefined) return
    this.#timers.after(5, () => this.say(answer))
  }
}

export const testPace: AirPace = { airBitsPerSecond: 2400, packetOverheadBytes: 16, wakeUpMs: 0 }
/** One full packet in the air of 2400 bit/s, ms. */
export const fullPacketMs = packetMs(packetBytes, testPace)
