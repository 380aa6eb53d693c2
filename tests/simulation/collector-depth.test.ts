import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dayMs, epochMs, startOfLocalDay } from '../../src/model/index.js'
import type { AreaOptions } from '../../drivers/simulated/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

t.setTimeout(600_000)
const utcOffsetMinutes = 480
const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** 2026-05-31 12:00 local. */
const startsAt = Date.UTC(2026, 4, 31, 4)
const june = startOfLocalDay(epochMs(startsAt + dayMs), utcOffsetMinutes)
const tasks = `tasks:
  - { id: daily-freeze, kind: daily-freeze, cron: '0 0 * * *', items: [energy] }
  - { id: monthly-freeze, kind: monthly-freeze, cron: '0 0 1 * *', items: [energy] }
  - { id: curve-15, kind: curve, cron: '*/15 * * * *', items: [energy, power] }
`

function newSite(area: Partial<AreaOptions>, extra: readonly string[] = [], ownTasks = tasks): WholeRuntime {
  return new WholeRuntime({
    area: { seed: 1, buses: 1, metersPerBus: 6, startsAt, utcOffsetMinutes, baud: 2400, historyMs: 40 * dayMs, ...area },
    tasks: ownTasks,
    extra,
    seed: 1,
  })
}

interface Row {
  readonly meter: string
  readonly task: string
  readonly slotAt: number
  readonly source: string
  readonly values: readonly {
    readonly absent?: string
    readonly ints?: readonly number[]
    readonly own?: { readonly source: string }
  }[]
}
async function rows(site: WholeRuntime, stream: 'freeze' | 'curve'): Promise<readonly Row[]> {
  const { records } = await site.store.run('read-stream', { stream, first: 1, maxCount: 100_000, maxBytes: 1e9 })
  return records.map(({ body }) => body as unknown as Row)
}
const events = async (site: WholeRuntime, code: string) =>
  (await site.store.run('events', { count: 10_000 })).events.filter((event) => event.code === code)

await t.test(
  'the month’s freeze: from the daily one, from the meter’s own where that is missing, marked either way',
  async (t) => {
    // The bus is away from before midnight until the noon after: the daily freeze is had late, the month does not wait for it.
    const unpluggedSpans = [{ fromMs: june - hourMs, toMs: june + 7 * hourMs }]
    const site = newSite({ buses: 2, faultsOf: (bus) => (bus === 1 ? { unpluggedSpans } : {}) })
    t.teardown(() => site.remove())
    await site.start()
    await site.time.runFor(dayMs)
    const freezes = await rows(site, 'freeze')
    const monthly = freezes.filter((row) => row.task === 'monthly-freeze' && row.slotAt === june)
    t.equal(monthly.length, 12)
    t.ok(monthly.every((row) => row.source === 'monthly-freeze'))
    const own = (row: Row) => row.values[0]?.own?.source ?? row.source
    t.ok(monthly.filter((row) => row.meter.startsWith('m1')).every((row) => own(row) === 'daily-freeze'))
    for (const row of monthly) {
      const daily = freezes.find((one) => one.task === 'daily-freeze' && one.meter === row.meter && one.slotAt === june)
      t.equal(row.values[0]?.ints?.[0], daily?.values[0]?.ints?.[0], `${row.meter} ${own(row)}`)
    }
    await site.stop()
  },
)

await t.test('a meter that was away for ten days gives ten days, as deep as it keeps them', async (t) => {
  const away = [{ fromMs: startsAt + hourMs, toMs: startsAt + 10 * dayMs }]
  const site = newSite({ quirksOf: (meter) => (meter === 0 ? { deadSpans: away } : {}) })
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(12 * dayMs)
  const id = site.area.archive[0]?.id
  const days = (await rows(site, 'freeze')).filter(
    (row) => row.task === 'daily-freeze' && row.meter === id && row.values[0]?.absent === undefined,
  )
  t.same(
    [...new Set(days.map(({ slotAt }) => (slotAt - june) / dayMs))].sort((a, b) => a - b),
    Array.from({ length: 12 }, (_, day) => day),
  )
  t.ok(days.every(({ source }) => source === 'daily-freeze'))
  t.equal((await events(site, 'meter.vanished')).length, 1)
  t.equal((await events(site, 'meter.returned')).length, 1)
  const { gaps } = await site.store.run('gaps', { from: june, to: epochMs(june + 10 * dayMs), count: 10_000 })
  t.same(
    gaps.filter((gap) => gap.task === 'daily-freeze'),
    [],
    'the later value fills the gap',
  )
  await site.stop()
})

await t.test('after a stop of ten days the freezes of all ten are had, as deep as the meters keep them', async (t) => {
  const site = newSite({})
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(hourMs)
  await site.stop()
  await site.time.runFor(10 * dayMs)
  await site.start()
  await site.time.runFor(2 * hourMs)
  const days = (await rows(site, 'freeze')).filter((row) => row.task === 'daily-freeze' && row.values[0]?.absent === undefined)
  for (const { id } of site.area.archive) {
    t.same(
      days
        .filter(({ meter }) => meter === id)
        .map(({ slotAt }) => (slotAt - june) / dayMs)
        .sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, day) => day),
      id,
    )
  }
  await site.stop()
})

await t.test('a meter without freezes and load records is found out, also across restarts, and read at midnight', async (t) => {
  const site = newSite({ quirksOf: (meter) => (meter === 0 ? { noFreezes: true, noProfile: true } : {}) })
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(4 * dayMs)
  t.ok((await events(site, 'meter.refuses')).some(({ detail }) => detail['what'] === 'freeze 05060101'))
  await site.stop()
  await site.start()
  await site.time.runFor(2 * dayMs)
  const [meter] = site.area.archive
  const last = (await rows(site, 'freeze')).filter((row) => row.task === 'daily-freeze' && row.meter === meter?.id).at(-1)
  t.match(last, { source: 'live', slotAt: june + 5 * dayMs })
  t.equal((await events(site, 'meter.refuses')).length, 1, 'remembered, not learnt anew')
  await site.stop()
})

await t.test('a broadcast time is right when it arrives, however slow the line', async (t) => {
  const site = newSite({ baud: 1200, optionsOf: (meter) => ({ clockOffsetMs: (meter - 3) * 50_000, clockDriftPpm: 0 }) })
  t.teardown(() => site.remove())
  const path = join(site.folder, 'wattkeep.yaml')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/^clock: .*$/m, "clock: { assumeSynchronised: true, broadcastAt: '13:20' }"))
  await site.start()
  await site.time.runFor(2 * hourMs)
  for (const { id, address } of site.area.archive) {
    const { localMs } = site.area.truth(id)
    const offMs = localMs - (site.area.now() + utcOffsetMinutes * minuteMs)
    t.ok(Math.abs(offMs) <= 600, `${address} is off by ${offMs} ms`)
  }
  t.match(await events(site, 'meter-clock.broadcast'), [{ detail: { protocol: 'dlt645-2007', meters: 6 } }])
  await site.stop()
})

await t.test(
  'tasks that ask more of a bus than it can carry are told, and a key customer’s minutes are read where it can',
  async (t) => {
    const minute = (meters: string) =>
      `${tasks}  - { id: minute, kind: curve, cron: '* * * * *', meters: ${meters}, items: [energy, power, voltage], liveWindowMinutes: 1 }\n`
    const slow = newSite({ metersPerBus: 80, historyMs: hourMs }, [], minute('all'))
    t.teardown(() => slow.remove())
    await slow.start()
    await slow.time.runFor(10 * minuteMs)
    const [warning] = await events(slow, 'collection.over-capacity')
    t.match(warning, { link: 'bus1', detail: { task: 'minute', availableMs: 60_000 } })
    t.ok(Number(warning?.detail['neededMs']) > 40_000)
    await slow.stop()
    const site = newSite({ metersPerBus: 20 }, [], minute('key'))
    t.teardown(() => site.remove())
    const archive = join(site.folder, 'archive.yaml')
    writeFileSync(archive, readFileSync(archive, 'utf8').replace(/^( *- (?:\{ *)?id: m1-001)/m, '$1'))
    const text = readFileSync(archive, 'utf8')
    writeFileSync(
      archive,
      text.replace(/id: m1-001\b(,?)/, (_, comma: string) =>
        comma === ',' ? 'id: m1-001, key: true,' : 'id: m1-001\n    key: true',
      ),
    )
    await site.start()
    await site.time.runFor(2 * hourMs)
    t.same(await events(site, 'collection.over-capacity'), [])
    const minutes = (await rows(site, 'curve')).filter((row) => row.task === 'minute')
    t.same([...new Set(minutes.map(({ meter }) => meter))], ['m1-001'])
    t.ok(minutes.length >= 118 && minutes.every(({ source }) => source === 'live'), `${minutes.length} minutes`)
    await site.stop()
  },
)
