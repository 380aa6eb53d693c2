import { monotonicMs } from '../../src/model/index.js'
import type { DownUnit } from '../../src/protocols/gdw1376/index.js'
import type { Exchange, ExchangeBook } from './exchange-book.js'
import { answerOf, ask, wait, type Procedure } from './procedure.js'
import { pauseRouting } from './start-up.js'
import type { Workplace } from './workplace.js'

/** The caller is told of its end so much before his deadline, ms. */
const beforeDeadlineMs = 500

/** How long the module may take to confirm a broadcast: some do so only when it is carried out. @source facts §3, 03F10 */
export function broadcastAckMs({ runMode }: Workplace): number {
  if (runMode === null || runMode.confirmsBroadcastFirst) return 20_000
  return Math.min(Math.max(runMode.broadcastTimeoutS * 1_000, 20_000), 120_000) + 5_000
}

/**
 * Sends one frame to all meters, once, and keeps off as long as the module says. What waited too long for the line is not sent: a time
 * in it would be wrong. @source facts §4.6
 */
export function* broadcast(place: Workplace, book: ExchangeBook, exchange: Exchange, startBy: number): Procedure {
  const { settings } = place
  if (exchange.isSettled) return
  if (place.now > startBy) return book.settleDown(exchange, 'line-busy')
  if (!(yield* pauseRouting(place))) return place.lose('module-silent')
  const { bytes, traced } = exchange.request
  const result = yield* ask(unitFor(place, bytes), {
    triesMs: [broadcastAckMs(place)],
    exchange: exchange.id,
    traced,
    onSent: () => book.leave(exchange),
  })
  place.reservedUntil = place.now
  if (result.kind === 'denied') {
    exchange.hasLeft = false
    place.refused('broadcast', result.denial)
    return book.settleDown(exchange, 'module-refused')
  }
  if (result.kind === 'silent') return book.settleDown(exchange, 'module-silent')
  const quietMs = Math.min((result.kind === 'confirmed' ? (result.waitSeconds ?? 0) : 0) * 1_000, settings.quietMsMax)
  place.keepQuiet(quietMs)
  yield* wait(Math.max(0, Math.min(quietMs, exchange.deadline - place.now - beforeDeadlineMs)))
  book.settle(exchange, { kind: 'sent' })
}

/** Asks how long a broadcast of such bytes takes, and keeps the line free for it. */
export function* askBroadcastDelay(place: Workplace, bytes: Uint8Array, tell: (delayMs: number | null) => void): Procedure {
  if (!(yield* pauseRouting(place))) return place.lose('module-silent')
  const unit: DownUnit = { name: 'broadcast-delay', protocol: place.nodes.sharedType, payload: bytes }
  const isKnown = !place.unsupported.has('broadcast-delay') && bytes.length <= 255
  const result = isKnown ? yield* ask(unit) : null
  if (result?.kind === 'denied') place.markUnsupported(unit, result.denial)
  const answer = result === null ? null : answerOf(result, 'broadcast-delay')
  place.reservedUntil = monotonicMs(place.now + place.settings.reservedMs)
  tell(answer === null ? null : answer.delaySeconds * 1_000)
}

/** The control byte knows the two editions of DL/T 645; everything else goes as it is. @source facts §3, 05F3 */
function unitFor(place: Workplace, payload: Uint8Array): DownUnit {
  const type = place.nodes.sharedType
  const control = type === 1 || type === 2 ? type : 0
  return payload.length > 255 ? { name: 'broadcast-long', control, payload } : { name: 'broadcast', control, payload }
}
