import t from 'tap'
import { gapsText } from '../../../src/console/commands/lists.js'
import { metersText, statusText } from '../../../src/console/commands/status.js'
import { metersView, statusView } from '../../../src/console/status.js'
import { absenceReasons, epochMs, itemId, linkId, meterAddress } from '../../../src/model/index.js'
import type { ConsoleCollection } from '../../../src/console/backend.js'
import type { StoreHealth } from '../../../src/ports/index.js'
import { consoleNow, fakeBackend } from '../../helpers/console-backend.js'

const health: StoreHealth = {
  ...{ path: '/x', synchronous: 'FULL', schemaVersion: 1, fileBytes: 1, pendingValues: 0, refusedValues: 0 },
  ...{ state: 'opened', moneySafe: true },
}
const answers = {
  extents: () => ({ epoch: 1, extents: [], tombstones: [], counters: {} }),
  health: () => ({ health }),
  accounts: () => ({ accounts: [] }),
  'open-orders': () => ({ orders: [] }),
}
const collection: ConsoleCollection = {
  ...{ waitsForClock: false, openSlots: 4, pointsWaiting: 0, pointsStored: 9, pointsRefused: 0 },
  days: [],
  meters: [],
}
const siteWith = (changes: Partial<ConsoleCollection>) =>
  fakeBackend({ answers, overrides: { collection: () => ({ ...collection, ...changes }) } }).backend

await t.test('meters that stand in no archive are listed apart', async (t) => {
  const seen = { firstSeenAt: consoleNow, lastSeenAt: consoleNow }
  const unknown = [
    { link: linkId('rs485-1'), address: meterAddress('000000004242'), protocol: 'dlt645-2007', ...seen },
    { link: linkId('plc-1'), address: meterAddress('000000004243'), protocol: null, ...seen },
  ]
  const view = await metersView(siteWith({ unknown }))
  t.match(
    metersText(view).join('\n'),
    /UNKNOWN +LINK +PROTOCOL +FIRST SEEN +LAST SEEN\n000000004242 +rs485-1 +dlt645-2007 +03-02 10:00:00[^\n]*\n000000004243 +plc-1 +\? .*\n2 meters stand in no archive: neither read nor billed/,
  )
  t.match(metersText({ ...view, unknown: view.unknown.slice(0, 1) }).at(-1), /^1 meter stands in no archive/)
  t.same((await metersView(siteWith({}))).unknown, [], 'nobody is looked for')
  t.same((await metersView(fakeBackend({ answers }).backend)).unknown, [], 'nothing has started yet')
})

await t.test('success is told for each medium and each of its links, rounded down', async (t) => {
  const total = { due: 3, first: 2, later: 1, missing: {}, oneShotPpm: 666_666, periodicPpm: 1_000_000 }
  const items = [{ item: itemId('energy'), due: 3, first: 2, later: 1, missing: {} }]
  const one = { medium: 'rs485', total, latency: { count: 3, p50Ms: 113, p95Ms: 226, p99Ms: 320 }, items }
  const nobody = { count: 0, p50Ms: null, p95Ms: null, p99Ms: null }
  const poor = { medium: 'plc', total: { ...total, due: 8, missing: { 'no-reply': 5 } }, latency: nobody, items: [] }
  const none = { ...poor, total: { ...total, due: 0, first: 0, later: 0 } }
  const links = ['a', 'b'].map((name) => ({ link: linkId(name), ...one }))
  const day = epochMs(Date.UTC(2026, 2, 1, 16))
  const today = {
    day,
    total,
    links: [...links, { link: linkId('c'), ...poor }, { link: linkId('d'), ...none }],
    media: [one, poor],
  }
  const before = { ...today, day: epochMs(day - 86_400_000), media: [] }
  const view = await statusView(siteWith({ days: [before, today] }))
  t.match(view.collection, {
    today: { due: 3, first: 2, later: 1 },
    media: [{ medium: 'rs485', links: [{ link: 'a' }, { link: 'b' }] }, {}],
  })
  const text = statusText(view).join('\n')
  t.match(
    text,
    /TODAY +DUE +AT ONCE +IN ALL +MISSING +P50 ms +P95 ms +P99 ms\nall rs485 +3 +66\.6 % +100\.0 % +0 +113 +226 +320\na +3 /,
  )
  t.match(text, /all plc +8 +25\.0 % +37\.5 % +5 +- +- +-\nc +8 .*\nd +0 +- +- +0/)
  t.notMatch(statusText(await statusView(siteWith({ days: [before] }))).join('\n'), /TODAY/)
})

await t.test('each reason of a gap is explained once', async (t) => {
  const gap = { meter: 'm1', task: 'curve', slotAt: consoleNow, item: 'energy' }
  const gaps = absenceReasons.flatMap((reason) => [
    { ...gap, reason },
    { ...gap, reason },
  ])
  const lines = gapsText({ utcOffsetMinutes: 480, from: consoleNow, to: consoleNow, since: null, gaps, more: false })
  for (const reason of absenceReasons) t.equal(lines.filter((line) => line.startsWith(`${reason}: `)).length, 1, reason)
  t.ok(lines.some((line) => line.startsWith('refused: refused by the meter')))
  t.match(lines.at(-1), /values are missing/)
})
