import { countText } from '../../model/index.js'
import type { OrderView } from '../views.js'
import { detailText } from './why-events.js'

/** An order as a sentence: who asked for what, what became of it, and what proves it. */
export function orderSentence(order: OrderView, { utcOffsetMinutes }: { readonly utcOffsetMinutes: number }): string {
  const says = detailText(order.says, utcOffsetMinutes)
  const proof = detailText(order.evidence, utcOffsetMinutes)
  const attempts = order.attempts === 0 ? '' : ` after ${countText(order.attempts, 'attempt')}`
  return (
    `Order ${order.order}: ${originText(order)} ordered ${order.kind}${says === '' ? '' : ` (${says})`}: ` +
    `${stageText(order)}${attempts}${restartText(order)}.${proof === '' ? '' : ` Evidence: ${proof}.`}`
  )
}

/** How the outcome is known, where the daemon that sent the order did not live to see it. */
export function restartText({ verifiedAfterRestart, evidence }: OrderView): string {
  if (!verifiedAfterRestart) return ''
  if (evidence['reason'] === 'unverifiable') return ', which could not be verified after a restart'
  return ', verified after a restart by reading the meter'
}

/** Who asked. */
export function originText({ by, origin, number }: Pick<OrderView, 'by' | 'origin' | 'number'>): string {
  switch (by) {
    case 'rule':
      return 'the rules'
    case 'master':
      return `master key ${origin} (its number ${number})`
    case 'console':
      return `key ${origin} at the console (its number ${number})`
  }
}

/** What became of an order. */
export function stageText({ stage, evidence }: Pick<OrderView, 'stage' | 'evidence'>): string {
  switch (stage) {
    case 'journalled':
      return 'journalled, not begun yet'
    case 'sending':
      return 'under way'
    case 'unknown':
      return 'sent, the outcome is not known yet: it is verified, not sent again'
    case 'done':
      return 'done'
    case 'refused':
      return 'refused'
    case 'expired':
      return evidence['withdrawn'] === true ? 'taken back before it was sent' : 'its time was over before it could be carried out'
    case 'failed':
      return 'failed'
  }
}
