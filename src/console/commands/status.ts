import { countText } from '../../model/index.js'
import { bytesText, columnsMax, localTime, offsetText, shortTime, spanText, table, wrapped } from '../columns.js'
import type { CheckView, MetersView, SelfTestView, StatusView, SuccessView } from '../views.js'

/** `wattkeep status`: one screen. */
export function statusText(status: StatusView): readonly string[] {
  const { concentrator, software, upSeconds, at, utcOffsetMinutes, clockTrusted, store } = status
  const time = `${localTime(at, utcOffsetMinutes)} ${offsetText(utcOffsetMinutes)}`
  const free = store.freeBytes === null ? '' : `, ${bytesText(store.freeBytes)} free`
  const refused = store.refusedValues === 0 ? '' : `, ${countText(store.refusedValues, 'value')} refused`
  return [
    `${concentrator}  ${software}  up ${spanText(upSeconds)}`,
    ...wrapped('time      ', `${time}, ${clockTrusted ? 'trusted' : 'NOT TRUSTED: nothing is cut'}`),
    ...wrapped('money     ', `${status.moneySafe ? 'safe' : 'IN DOUBT'}; ${accountsText(status.accounts)}`),
    ...collectionLines(status.collection),
    ...wrapped('orders    ', `${status.openOrders} under way`),
    ...wrapped('store     ', `${store.state}, ${bytesText(store.fileBytes)}${free}${refused}`),
    ...wrapped('settings  ', status.parameterHash),
    '',
    ...linkTable(status.links),
    ...successTable(status.collection),
    ...(status.uplink.length === 0 ? ['', 'no master is configured'] : ['', ...masterLines(status)]),
  ]
}

function accountsText({ total, byState, unverified, held }: StatusView['accounts']): string {
  const states = Object.entries(byState).map(([state, count]) => `${count} ${state}`)
  const more = [
    ...(unverified === 0 ? [] : [`${unverified} UNVERIFIED`]),
    ...(held === 0 ? [] : [`${held} with a cut held by a guard`]),
  ]
  return [`${countText(total, 'account')}${total === 0 ? '' : ':'} ${states.join(', ')}`.trim(), ...more].join('; ')
}

function collectionLines(collection: StatusView['collection']): readonly string[] {
  if (collection === null) return ['readings  not started']
  const { today, openSlots, pointsWaiting, waitsForClock, pointsRefused } = collection
  const missing = Object.entries(today.missing).map(([reason, count]) => `${reason} ${count}`)
  const gaps = Object.values(today.missing).reduce((sum, count) => sum + count, 0)
  const parts = [
    `today ${today.due} due, ${today.first} at once, ${today.later} later, ${gaps} missing${gaps === 0 ? '' : ` (${missing.join(', ')})`}`,
    `${countText(openSlots, 'slot')} open`,
    ...(pointsWaiting === 0 ? [] : [`${countText(pointsWaiting, 'point waits', 'points wait')} for the store`]),
    ...(pointsRefused === 0 ? [] : [`${countText(pointsRefused, 'point')} refused: disk full`]),
    ...(waitsForClock ? ['WAITS FOR THE CLOCK'] : []),
  ]
  return wrapped('readings  ', parts.join('; '))
}

function linkTable(links: StatusView['links']): readonly string[] {
  const rows = links.map(({ link, up, meters, silentMeters, queued, exchanges, replies, garbled }) => [
    link,
    up ? 'up' : 'DOWN',
    ...[meters, silentMeters, queued, exchanges, replies, garbled].map(String),
  ])
  return table([['LINK', 'STATE', 'METERS', 'SILENT', 'QUEUED', 'EXCHANGES', 'REPLIES', 'GARBLED'], ...rows], [2, 3, 4, 5, 6, 7])
}

/** How well today's values come: at once, in all, and how fast. A medium with one link is told by that alone. */
function successTable(collection: StatusView['collection']): readonly string[] {
  const rows = (collection?.media ?? []).flatMap(({ links, ...medium }) => [
    ...(links.length > 1 ? [successRow(`all ${medium.medium}`, medium)] : []),
    ...links.map((link) => successRow(link.link, link)),
  ])
  if (rows.length === 0) return []
  const head = ['TODAY', 'DUE', 'AT ONCE', 'IN ALL', 'MISSING', 'P50 ms', 'P95 ms', 'P99 ms']
  return ['', ...table([head, ...rows], [1, 2, 3, 4, 5, 6, 7])]
}

function successRow(name: string, { due, first, later, missing, latency }: SuccessView): readonly string[] {
  const gaps = Object.values(missing).reduce((sum, count) => sum + count, 0)
  const times = [latency.p50Ms, latency.p95Ms, latency.p99Ms].map((ms) => (ms === null ? '-' : String(ms)))
  return [name, String(due), percentText(first, due), percentText(first + later, due), String(gaps), ...times]
}

/** Rounded down: 100 % is said only when nothing is missing. */
function percentText(part: number, whole: number): string {
  return whole === 0 ? '-' : `${(Math.floor((part * 1000) / whole) / 10).toFixed(1)} %`
}

function masterLines({ uplink, utcOffsetMinutes }: StatusView): readonly string[] {
  const rows = uplink.map(({ master, state, waiting, since, broker }) => [
    master,
    state,
    String(waiting),
    shortTime(since, utcOffsetMinutes),
    broker,
  ])
  const errors = uplink.flatMap(({ master, lastError, state }) =>
    lastError === null || state === 'online' ? [] : wrapped(`${master}: `, lastError),
  )
  return [...table([['MASTER', 'STATE', 'WAITING', 'SINCE', 'BROKER'], ...rows], [2]), ...errors]
}

/** `wattkeep meters`. */
export function metersText({ meters, unknown, utcOffsetMinutes }: MetersView): readonly string[] {
  const rows = meters.map(({ meter, address, link, lastReplyAt, silent, clockDriftMs, account }) => [
    meter,
    address,
    link,
    lastReplyAt === null ? 'never' : shortTime(lastReplyAt, utcOffsetMinutes),
    silent ? 'silent' : '',
    clockDriftMs === null ? '-' : `${(clockDriftMs / 1000).toFixed(0)} s`,
    account ?? '',
  ])
  const silentCount = meters.filter(({ silent }) => silent).length
  return [
    ...table([['METER', 'ADDRESS', 'LINK', 'LAST REPLY', '', 'DRIFT', 'ACCOUNT'], ...rows], [5]),
    `${countText(meters.length, 'meter')}, ${silentCount} silent`,
    ...unknownTable(unknown, utcOffsetMinutes),
  ]
}

function unknownTable(unknown: MetersView['unknown'], utcOffsetMinutes: number): readonly string[] {
  if (unknown.length === 0) return []
  const rows = unknown.map(({ address, link, protocol, firstSeenAt, lastSeenAt }) => [
    address,
    link,
    protocol ?? '?',
    shortTime(firstSeenAt, utcOffsetMinutes),
    shortTime(lastSeenAt, utcOffsetMinutes),
  ])
  return [
    '',
    ...table([['UNKNOWN', 'LINK', 'PROTOCOL', 'FIRST SEEN', 'LAST SEEN'], ...rows], []),
    `${countText(unknown.length, 'meter stands', 'meters stand')} in no archive: neither read nor billed`,
  ]
}

/** `wattkeep self-test`. */
export function selfTestText({ ok, checks }: SelfTestView): readonly string[] {
  const names = Math.max(...checks.map(({ check }) => check.length))
  const word: Readonly<Record<CheckView['result'], string>> = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }
  const lines = checks.flatMap(({ check, result, detail }) =>
    wrapped(`${word[result]}  ${check.padEnd(Math.min(names, columnsMax / 2))}  `, detail),
  )
  return [...lines, ok ? 'all is well' : 'something is wrong: see what FAILED']
}
