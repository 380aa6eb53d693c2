import { absenceReasons, countText } from '../../model/index.js'
import type { AbsenceReason } from '../../model/index.js'
import { localTime, shortTime, table, wrapped } from '../columns.js'
import type { GapsView, OrdersView, OrderView } from '../views.js'
import { originText, restartText, stageText } from './why-orders.js'
import { detailText } from './why-events.js'

/** `wattkeep gaps`: every value that is missing, with its reason. */
export function gapsText({ from, to, since, gaps, more, utcOffsetMinutes }: GapsView): readonly string[] {
  const span = `from ${localTime(from, utcOffsetMinutes)} to ${localTime(to, utcOffsetMinutes)}`
  const rows = gaps.map(({ slotAt, meter, task, item, reason }) => [
    shortTime(slotAt, utcOffsetMinutes),
    meter,
    task,
    item,
    reason,
  ])
  const told = absenceReasons.filter((reason) => gaps.some((gap) => gap.reason === reason))
  const began = since === null || since <= from ? null : localTime(since, utcOffsetMinutes)
  const before = began === null ? [] : [`the box began at ${began} and knows of nothing before`]
  if (gaps.length === 0) return [since !== null && since > to ? `nothing is known ${span}` : `no gaps ${span}`, ...before]
  return [
    ...table([['SLOT', 'METER', 'TASK', 'ITEM', 'REASON'], ...rows]),
    ...told.flatMap((reason) => wrapped(`${reason}: `, reasonWords[reason])),
    `${countText(gaps.length, 'value is', 'values are')} missing${more ? ' and more that are not listed (--count)' : ''} ${span}`,
    ...before,
  ]
}

/** What each reason means, for people. */
const reasonWords: Readonly<Record<AbsenceReason, string>> = {
  'no-reply': 'the meter did not answer, however often it was asked',
  garbled: 'bytes came, but never a whole answer: noise, or two devices with one address',
  refused: 'refused by the meter: it does not know the register, or does not let us read it',
  invalid: 'the answer was no number, or did not fit what the register showed before',
  'not-available': 'the meter itself says that it has no such value',
  'not-kept': 'the meter keeps no record of that instant, or no more',
  'bus-down': 'the port, the server or the module of the bus was gone',
  'no-time': 'the bus had no time for it: something more urgent took all of it',
  'clock-wrong': 'the meter’s clock or our own was wrong at that instant',
  'meter-replaced': 'the device was replaced between the instant and the reading',
  'not-running': 'this box did not run at the instant, and the meter keeps no record of it',
  unsupported: 'the protocol of the meter has no way to ask for it',
  'not-joined': 'the meter has not joined the network of its module',
  withdrawn: 'the archive or the tasks do not ask for it any more',
  'not-carried': 'the module of its link does not carry this meter, or refuses what it is asked',
}

/** `wattkeep orders`: oldest first. */
export function ordersText({ orders, utcOffsetMinutes }: OrdersView): readonly string[] {
  if (orders.length === 0) return ['no orders']
  return orders.flatMap((order) => orderLines(order, utcOffsetMinutes))
}

export function orderLines(order: OrderView, utcOffsetMinutes: number): readonly string[] {
  const { order: id, kind, meter, account, says, evidence, at, attempts } = order
  const target = meter ?? account ?? ''
  const head = `${String(id).padStart(6)}  ${shortTime(at, utcOffsetMinutes).padEnd(14)}  `
  const asked = [kind, target, detailText(says, utcOffsetMinutes)].filter((part) => part !== '').join(' ')
  const proof = detailText(evidence, utcOffsetMinutes)
  return [
    ...wrapped(head, `${asked} by ${originText(order)}`),
    ...wrapped(
      ' '.repeat(head.length),
      `${stageText(order)}${attempts > 1 ? ` after ${attempts} attempts` : ''}${restartText(order)}`,
    ),
    ...(proof === '' ? [] : wrapped(' '.repeat(head.length), proof)),
  ]
}
