import t from 'tap'
import { epochMs, linkId, meterId, type TariffVersion } from '../../../src/model/index.js'
import { boundaryTaskId, watchTaskId } from '../../../src/collection/index.js'
import { nextRateChange } from '../../../src/runtime/rate-change.js'
import { pointsHeldMax, pointsWaitingMax } from '../../../src/runtime/collected.js'
import { doubled, endings } from '../../helpers/collection-bench.js'
import { task, testTasks } from '../../helpers/collection-site.js'
import { local, testMeter } from '../../helpers/core-bench.js'
import { ShellBench } from '../../helpers/shell-bench.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const meters = [testMeter('1'), testMeter('2', { link: linkId('bus-2') })]
const start = local('2026-03-01 09:50')

const twoRates: TariffVersion = {
  tariff: 'home',
  version: 1,
  effectiveFrom: local('2026-01-01 00:00'),
  utcOffsetMinutes: 480,
  basis: 'total-register',
  prices: [500_000n, 300_000n],
  seasons: [
    {
      from: { month: 1, day: 1 },
      workday: [
        { minute: 0, rate: 2 },
        { minute: 480, rate: 1 },
        { minute: 1320, rate: 2 },
      ],
      restday: [
        { minute: 0, rate: 2 },
        { minute: 480, rate: 1 },
        { minute: 1320, rate: 2 },
      ],
    },
  ],
  restWeekdays: [],
  holidays: [],
  steps: null,
  taxPpm: 0n,
  minimumMonthlyCharge: 0n,
}

await t.test('a day of readings reaches the store, and the day is closed with its statistics', async (t) => {
  const bench = new ShellBench(start, { meters })
  await bench.collector.start()
  await bench.time.runFor(2 * dayMs)
  await bench.collector.close()
  t.same(endings(bench.store, 'curve'), { 'energy live': 384, 'power live': 384 })
  t.same(endings(bench.store, 'freeze'), { 'energy daily-freeze': 4 })
  t.match(bench.store.statuses, [
    { kind: 'collection', day: '2026-03-01' },
    { kind: 'collection', day: '2026-03-02' },
  ])
  t.equal(bench.store.statuses[0]?.['since'], start, 'the first day is counted from the start on')
  t.notOk('since' in (bench.store.statuses[1] ?? {}), 'the second one whole')
  t.same(bench.store.closedDays, [local('2026-03-01 00:00'), local('2026-03-02 00:00')])
  t.equal(bench.store.events[0]?.code, 'collection.began')
  t.match(bench.store.relays[0], { meter: '1', contact: 'closed' })
  t.same(bench.faults, [])
})

await t.test('a restart in the middle of a day leaves its statistics marked as a part', async (t) => {
  const bench = new ShellBench(start, { meters })
  await bench.collector.start()
  await bench.time.runFor(dayMs)
  await bench.restart(hourMs)
  const restarted = bench.time.wall().at
  await bench.time.runFor(2 * dayMs)
  await bench.collector.close()
  const told = bench.store.statuses.map((body) => [body['day'], body['since']])
  t.same(told, [
    ['2026-03-01', start],
    ['2026-03-02', restarted],
    ['2026-03-03', undefined],
  ])
})

await t.test('a freeze whose calendar fires all day long is one slot, across restarts as well', async (t) => {
  const tasks = [task('freeze', { kind: 'daily-freeze', cron: '*/10 * * * *', priority: 'freeze', closesAfterMs: dayMs })]
  const bench = new ShellBench(start, { meters, tasks })
  await bench.collector.start()
  for (let restarts = 0; restarts < 3; restarts++) {
    await bench.time.runFor(30 * minuteMs)
    await bench.restart(5 * minuteMs)
  }
  await bench.time.runFor(dayMs)
  await bench.collector.close()
  t.same(doubled(bench.store), [])
  t.equal(bench.store.points.length, 2 * meters.length)
})

await t.test('the snapshot tells what is open, waiting and stored', async (t) => {
  const bench = new ShellBench(start, { meters })
  await bench.collector.start()
  await bench.time.runFor(30 * minuteMs)
  bench.mode = 'silent'
  await bench.time.runFor(30 * minuteMs)
  const view = bench.collector.snapshot()
  t.match(view, { waitsForClock: false, pointsWaiting: 0, pointsRefused: 0 })
  t.ok(view.openSlots > 0 && view.pointsStored > 0)
  t.match(view.meters, [
    { meter: '1', silent: true },
    { meter: '2', silent: true },
  ])
  t.equal(view.days.length, 1)
  await bench.collector.turned()
  await bench.collector.close()
})

await t.test('a watch hint of the settlement is followed, and orders are handed on', async (t) => {
  const bench = new ShellBench(start, { meters, tasks: [task('curve', { cron: '0 * * * *' })] })
  let settled = 0
  bench.store.effectsOf = (points) =>
    settled++ === 0
      ? {
          orders: [],
          watch: points.map(({ meter }) => ({ meter, readBy: epochMs(bench.time.wall().at + 10 * minuteMs), relay: true })),
        }
      : { orders: [], watch: [] }
  await bench.collector.start()
  await bench.time.runFor(50 * minuteMs)
  t.equal(bench.store.points.filter((point) => point.task === watchTaskId).length, bench.effects[0]?.watch.length)
  t.match(bench.store.relays[0], { meter: '1', contact: 'open', alarm: true })
  bench.relayState = { kind: 'unreadable', error: { code: 'no-reply', retry: 'later', errors: [], message: '', frame: null } }
  bench.collector.watch([{ meter: meterId('1'), readBy: bench.time.wall().at, relay: true }])
  bench.collector.watch([])
  await bench.time.runFor(minuteMs)
  t.ok(bench.store.relays.length <= 2)
  await bench.collector.close()
})

await t.test('a relay asked for on a meter without relay or bus is passed over', async (t) => {
  const bench = new ShellBench(start, { meters: [testMeter('1', { protocol: 'unknown' })], tasks: [task('curve')] })
  await bench.collector.start()
  bench.collector.watch([{ meter: meterId('1'), readBy: bench.time.wall().at, relay: true }])
  await bench.time.runFor(20 * minuteMs)
  t.same(endings(bench.store, 'curve'), { 'energy absent unsupported': 1 })
  t.same(bench.store.relays, [])
  await bench.collector.close()
})

await t.test('a clock that stands before the last persisted instant opens no slots until it is set', async (t) => {
  const bench = new ShellBench(epochMs(1_000), { meters })
  bench.time.setTrusted(false)
  bench.store.lastInstant = local('2026-03-01 09:00')
  await bench.store.run('record-event', {
    event: { code: 'daemon.started', severity: 'info', detail: {} },
    stamp: { receivedAt: local('2026-03-01 08:20'), clockTrusted: true, boot: 'boot-0', monotonicMs: 0 },
  })
  await bench.collector.start()
  await bench.time.runFor(hourMs)
  t.equal(bench.collector.snapshot().waitsForClock, true, 'lesson 25: boot at 1970')
  t.same(bench.store.points, [])
  bench.time.setWall(local('2026-03-01 11:45'))
  bench.time.setTrusted(true)
  await bench.time.runFor(hourMs)
  const curve = bench.store.points.filter((point) => point.task === 'curve' && point.meter === '1')
  t.equal(curve[0] && curve.map((point) => point.slotAt).sort((a, b) => a - b)[0], local('2026-03-01 08:30'))
  t.ok(curve.every((point) => point.stamp.clockTrusted && point.values.every((value) => !('absent' in value))))
  t.match(endings(bench.store, 'status'), { 'status-3 absent clock-wrong': Number })
  await bench.collector.close()
})

await t.test('a trusted clock behind the last persisted instant is believed', async (t) => {
  const bench = new ShellBench(start, { meters })
  bench.store.lastInstant = epochMs(start + 700 * dayMs)
  await bench.collector.start()
  await bench.time.runFor(20 * minuteMs)
  t.ok(bench.store.points.length > 0)
  await bench.collector.close()
})

await t.test('a stop is explained slot by slot, back to the first event and no further than the horizon', async (t) => {
  const bench = new ShellBench(start, { meters, tasks: testTasks() })
  await bench.collector.start()
  await bench.time.runFor(3 * hourMs)
  const before = bench.store.points.length
  await bench.restart(10 * hourMs)
  await bench.time.runFor(2 * hourMs)
  const status = endings(bench.store, 'status')
  t.equal(status['status-3 absent not-running'], 2 * 10, 'what only the instant could give')
  t.equal(bench.store.points.filter((point) => point.task === 'curve').length, 2 * 4 * 15)
  t.ok(bench.store.points.length > before)
  bench.store.firstEvent = 2
  await bench.restart(4 * dayMs)
  await bench.time.runFor(hourMs)
  t.equal(endings(bench.store, 'freeze')['energy daily-freeze'], 2 * 5, 'also of the day that lies beyond the horizon')
  t.ok(bench.store.events.some((event) => event.code === 'collection.gap'))
  t.ok(bench.store.closedDays.length >= 3)
  await bench.collector.close()
})

await t.test('live calls read any registers, or say why not', async (t) => {
  const site = {
    meters: [...meters, testMeter('3', { protocol: 'unknown' }), testMeter('4', { link: linkId('bus-9') })],
    tasks: [],
  }
  const bench = new ShellBench(start, site)
  const runners = bench.runnersOf([linkId('bus-1'), linkId('bus-2')])
  const other = new ShellBench(start, site, { runners })
  const call = async (meter: string, registers: readonly string[], mode: ShellBench['mode'] = 'good') => {
    bench.mode = mode
    other.mode = mode
    const result = other.collector.call({ meter: meterId(meter), registers, timeoutMs: 5_000 })
    await bench.time.runFor(6_000)
    return await result
  }
  t.match(await call('1', ['0001FF00', '04000503']), { ok: true, value: [{ ok: true }, { ok: true }] })
  t.match(await call('9', ['0001FF00']), { ok: false, error: { code: 'unknown-meter' } })
  t.match(await call('3', ['0001FF00']), { ok: false, error: { code: 'no-protocol' } })
  t.match(await call('4', ['0001FF00']), { ok: false, error: { code: 'no-link' } })
  t.match(await call('1', []), { ok: false, error: { code: 'too-many' } })
  t.match(await call('1', ['0001FF00', 'x']), { ok: false, error: { code: 'bad-register', at: 'registers[1]' } })
  t.match(await call('1', ['0001FF00'], 'expired'), { ok: false, error: { code: 'no-time' } })
  t.match(await call('1', ['0001FF00'], 'held'), { ok: false, error: { code: 'held' } })
  t.match(await call('1', ['0001FF00'], 'refused'), { ok: false, error: { code: 'busy' } })
})

await t.test('new parameters take effect while it runs', async (t) => {
  const bench = new ShellBench(start, { meters, tasks: [task('curve')] })
  await bench.collector.start()
  await bench.time.runFor(20 * minuteMs)
  await bench.collector.reconfigure({ ...bench.parameters, tasks: [task('hourly', { cron: '0 * * * *' })] })
  await bench.time.runFor(hourMs)
  t.same(endings(bench.store, 'curve'), { 'energy live': 2 })
  t.same(endings(bench.store, 'hourly'), { 'energy live': 2 })
  await bench.collector.close()
  await bench.collector.reconfigure(bench.parameters)
  await bench.collector.start()
  await bench.time.runFor(hourMs)
  t.same(endings(bench.store, 'hourly'), { 'energy live': 2 }, 'nothing happens after the end')
})

await t.test('meters with open accounts are read when their tariff changes its rate', async (t) => {
  const bench = new ShellBench(start, {
    meters,
    tasks: [task('freeze', { cron: '5 0 * * *', kind: 'daily-freeze' })],
    tariffs: [twoRates],
  })
  bench.store.accounts = [
    { meter: meterId('1'), tariff: 'home', state: 'normal' },
    { meter: meterId('2'), tariff: 'home', state: 'closed' },
  ] as never
  await bench.collector.start()
  await bench.time.runFor(dayMs)
  t.same(
    bench.store.points.filter((point) => point.task === boundaryTaskId).map((point) => [point.meter, point.slotAt]),
    [
      ['1', local('2026-03-01 22:00')],
      ['1', local('2026-03-02 08:00')],
    ],
  )
  await bench.collector.close()
})

await t.test('a tariff’s next change of rate is found across days and versions', async (t) => {
  t.equal(nextRateChange([twoRates], 'home', local('2026-03-01 09:00')), local('2026-03-01 22:00'))
  t.equal(nextRateChange([twoRates], 'home', local('2026-03-01 22:00')), local('2026-03-02 08:00'))
  t.equal(nextRateChange([twoRates], 'other', local('2026-03-01 22:00')), null)
  const flat = {
    ...twoRates,
    seasons: [{ from: { month: 1, day: 1 }, workday: [{ minute: 0, rate: 1 }], restday: [{ minute: 0, rate: 1 }] }],
  }
  t.equal(nextRateChange([flat], 'home', local('2026-03-01 22:00')), null)
  const later = { ...flat, version: 2, effectiveFrom: local('2026-06-01 00:00') }
  t.equal(nextRateChange([flat, later], 'home', local('2026-03-01 22:00')), local('2026-06-01 00:00'))
})

await t.test('a meter’s clock is corrected only where it is allowed, once a day', async (t) => {
  const tasks = [task('clock', { kind: 'clock', items: ['clock'], cron: '30 * * * *', priority: 'clock-care' })]
  for (const setsMeterClocks of [false, true]) {
    const bench = new ShellBench(start, { meters: [testMeter('1')], tasks }, { setsMeterClocks })
    bench.meterFastMs = 120_000
    await bench.collector.start()
    await bench.time.runFor(5 * hourMs)
    t.equal(bench.broadcasts.length, setsMeterClocks ? 1 : 0)
    t.equal(bench.store.events.filter((event) => event.code === 'meter-clock.over-limit').length, setsMeterClocks ? 2 : 1)
    await bench.collector.close()
  }
})

await t.test('a bus that cannot carry its tasks is told at the start, by its speed', async (t) => {
  const capabilities = { concurrency: 1, broadcast: true, routing: false, byteMs: 4.6 }
  const many = Array.from({ length: 300 }, (_, index) => testMeter(String(index + 1)))
  const tasks = [task('minute', { cron: '* * * * *', liveWindowMs: minuteMs })]
  const bench = new ShellBench(start, { meters: many, tasks }, { buses: new Map([[linkId('bus-1'), { capabilities } as never]]) })
  await bench.collector.start()
  await bench.time.runFor(1_000)
  const overloads = () => bench.store.events.filter(({ code }) => code === 'collection.over-capacity')
  t.match(overloads(), [{ link: 'bus-1', detail: { task: 'minute' } }])
  await bench.collector.reconfigure({ ...bench.parameters, tasks: [] })
  await bench.collector.reconfigure(bench.parameters)
  await bench.time.runFor(1_000)
  t.equal(overloads().length, 2, 'told anew after it was well')
  await bench.collector.close()
})

await t.test('the time is broadcast each day when the settings say when', async (t) => {
  const bench = new ShellBench(start, { meters, tasks: [] }, { clockBroadcastAt: 10 * 60 + 20 })
  await bench.collector.start()
  await bench.time.runFor(2 * dayMs)
  t.same(bench.broadcasts, ['all', 'all', 'all', 'all'], 'two buses on two days')
  t.equal(bench.store.events.filter(({ code }) => code === 'meter-clock.broadcast').length, 4)
  t.equal(bench.collector.clockOf(meterId('1')).setAt.length, 2)
  await bench.collector.close()
})

await t.test('a store that fails is a fault; one that refuses is counted', async (t) => {
  const bench = new ShellBench(start, { meters, tasks: [task('curve')] })
  await bench.collector.start()
  bench.store.accepts = false
  await bench.time.runFor(20 * minuteMs)
  t.equal(bench.collector.snapshot().pointsRefused, 2)
  bench.store.accepts = true
  bench.store.fault = new Error('disk gone')
  await bench.time.runFor(20 * minuteMs)
  t.equal(bench.faults[0]?.message, 'disk gone')
  await bench.collector.close()
})

await t.test('lesson 5: while the store hangs, readings stop and memory stays bounded', async (t) => {
  const many = Array.from({ length: 300 }, (_, index) => testMeter(String(index + 1)))
  const bench = new ShellBench(
    start,
    { meters: many, tasks: [task('curve', { cron: '* * * * *', closesAfterMs: 2 * minuteMs, liveWindowMs: minuteMs })] },
    {},
  )
  bench.jobMs = 1
  await bench.collector.start()
  const release = bench.store.hang()
  await bench.time.runFor(3 * hourMs)
  const { pointsWaiting } = bench.collector.snapshot()
  t.ok(pointsWaiting >= pointsWaitingMax && pointsWaiting <= pointsHeldMax, `${pointsWaiting} points wait`)
  const jobs = bench.jobs.length
  await bench.time.runFor(10 * minuteMs)
  t.equal(bench.jobs.length, jobs, 'nothing new is read')
  release()
  await bench.time.runFor(5 * minuteMs)
  t.equal(bench.collector.snapshot().pointsWaiting < 1_000, true)
  t.ok(bench.jobs.length > jobs)
  await bench.collector.close()
})
