import type { Span } from './meter-quirks.js'
import type { SeededRandom } from './random.js'

/** What goes wrong on a bus. Shares are millionths of the exchanges; each is drawn from the bus's own seed. */
export interface BusFaults {
  readonly lostRequestsPpm: number
  readonly lostRepliesPpm: number
  /** One bit of the reply turns. */
  readonly flippedPpm: number
  /** The reply ends too early. */
  readonly truncatedPpm: number
  /** The reply comes twice. */
  readonly duplicatedPpm: number
  /** The reply comes later, by up to `delayMsMax`. */
  readonly delayedPpm: number
  readonly delayMsMax: number
  /** A burst of up to 24 random bytes in front of the reply, or where a reply would be. */
  readonly noisePpm: number
  /** A converter returns every request. */
  readonly echo: boolean
  /** True times at which the line is not plugged in. */
  readonly unpluggedSpans: readonly Span[]
  /** True times at which some device talks all the time. */
  readonly babblingSpans: readonly Span[]
}

export const noFaults: BusFaults = {
  lostRequestsPpm: 0,
  lostRepliesPpm: 0,
  flippedPpm: 0,
  truncatedPpm: 0,
  duplicatedPpm: 0,
  delayedPpm: 0,
  delayMsMax: 0,
  noisePpm: 0,
  echo: false,
  unpluggedSpans: [],
  babblingSpans: [],
}

/** Bytes of one burst of noise, and of what a babbling device says during one exchange. */
export const noiseBytesMax = 24
const babbleBytes = 96

/** What happens to one exchange. */
export interface ExchangeFaults {
  readonly requestLost: boolean
  readonly replyLost: boolean
  /** A 32-bit number that names the bit; null: none turns. */
  readonly flip: number | null
  readonly truncate: number | null
  readonly duplicate: boolean
  readonly delayMs: number
  readonly noise: Uint8Array
}

const noBytes = new Uint8Array(0)
const faultless: ExchangeFaults = {
  requestLost: false,
  replyLost: false,
  flip: null,
  truncate: null,
  duplicate: false,
  delayMs: 0,
  noise: noBytes,
}

/** Draws what happens to the next exchange: the same seed and the same exchanges give the same faults. */
export function rollFaults(faults: BusFaults, random: SeededRandom): ExchangeFaults {
  const share =
    faults.lostRequestsPpm +
    faults.lostRepliesPpm +
    faults.flippedPpm +
    faults.truncatedPpm +
    faults.duplicatedPpm +
    faults.delayedPpm +
    faults.noisePpm
  if (share === 0) return faultless
  const requestLost = random.chance(faults.lostRequestsPpm)
  const replyLost = random.chance(faults.lostRepliesPpm)
  const flip = random.chance(faults.flippedPpm) ? random.uint32() : null
  const truncate = random.chance(faults.truncatedPpm) ? random.uint32() : null
  const duplicate = random.chance(faults.duplicatedPpm)
  const delayMs = random.chance(faults.delayedPpm) ? random.below(faults.delayMsMax + 1) : 0
  const noise = random.chance(faults.noisePpm) ? randomBytes(random, 1 + random.below(noiseBytesMax)) : noBytes
  return { requestLost, replyLost, flip, truncate, duplicate, delayMs, noise }
}

/** What is left of a reply; the reply itself stays as it was. */
export function spoiled(reply: Uint8Array, faults: ExchangeFaults): Uint8Array {
  if (faults.flip === null && faults.truncate === null) return reply
  const kept = faults.truncate === null ? reply.length : faults.truncate % reply.length
  const bytes = reply.slice(0, kept)
  if (faults.flip !== null && kept > 0) {
    const place = (faults.flip >>> 3) % kept
    bytes[place] = (bytes[place] ?? 0) ^ (1 << (faults.flip & 7))
  }
  return bytes
}

/** What a babbling device says while one exchange is under way. */
export function babble(random: SeededRandom): Uint8Array {
  return randomBytes(random, babbleBytes)
}

export interface SpanPlan {
  /** True times between which the spans begin. */
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
  readonly lengthMsMax: number
}

/** Times at which something is dead, unplugged or babbling, drawn from a seed; in order, and they may touch. */
export function drawSpans(random: SeededRandom, plan: SpanPlan): readonly Span[] {
  const spans = Array.from({ length: plan.count }, () => {
    const fromMs = plan.fromMs + Math.floor(random.next() * (plan.toMs - plan.fromMs))
    return { fromMs, toMs: fromMs + 1 + Math.floor(random.next() * plan.lengthMsMax) }
  })
  return spans.sort((a, b) => a.fromMs - b.fromMs)
}

export function isWithin(spans: readonly Span[], trueMs: number): boolean {
  return spans.some(({ fromMs, toMs }) => trueMs >= fromMs && trueMs < toMs)
}

function randomBytes(random: SeededRandom, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256))
}
