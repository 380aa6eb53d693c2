import { countText } from '../../model/index.js'
import { localTime, shortTime, table, wrapped } from '../columns.js'
import type { GapsView, OrdersView, OrderView } from '../views.js'
import { originText, restartText, stageText } from './why-orders.js'
import { detailText } from './why-events.js'

/** `wattkeep gaps`: every value that is missing, with its reason. */
export function gapsText({ from, to, gaps, more, utcOffsetMinutes }: GapsView): readonly string[] {
  const span = `from ${localTime(from, utcOffsetMinutes)} to ${localTime(to, utcOffsetMinutes)}`
  const rows = gaps.map(({ slotAt, meter, task, item, reason }) => [
    shortTime(slotAt, utcOffsetMinutes),
    meter,
    task,
    item,
    reason,
  ])
  if (gaps.length === 0) return [`no gaps ${span}`]
  return [
    ...table([['SLOT', 'METER', 'TASK', 'ITEM', 'REASON'], ...rows]),
    `${countText(gaps.length, 'value is', 'values are')} missing${more ? ' and more that are not listed (--count)' : ''} ${span}`,
  ]
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
