import t from 'tap'
import { epochMs, itemId, linkId, meterAddress, meterId } from '../../../src/model/index.js'
import { boundaryTaskId, defaultCollectionSettings, driftPerDayMs, watchTaskId } from '../../../src/collection/index.js'
import { ThresholdWatch } from '../../../src/collection/watch.js'
import { answerAll, bad, CoreBench, good, local, testMeter, text } from '../../helpers/core-bench.js'
import { task, testProfile } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const secondMs = 1_000
const minuteMs = 60 * secondMs
const none = [task('none', { cron: '0 0 1 1 *' })]

await t.test('a watched meter is read shortly before its hint’s last moment, its billing item alone', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), { tasks: none })
  bench.collection.watch(
    [
      { meter: meterId('1'), readBy: local('2026-03-01 10:20') },
      { meter: meterId('nobody'), readBy: local('2026-03-01 10:20') },
    ],
    bench.now,
  )
  bench.runUntil(local('2026-03-01 11:00'))
  t.equal(bench.points.length, 1)
  const [point] = bench.points
  t.match(point, { task: watchTaskId, stream: 'curve', source: 'live', slotAt: local('2026-03-01 10:20') - 5 * secondMs })
  t.same(point?.values.length, 1)
  t.equal(bench.works[0]?.work, 'threshold-watch')
  t.same(bench.relayReads, [])
})

await t.test('the latest hint counts, and none makes a meter be read without pause', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), { tasks: none })
  const hint = (readBy: number, relay?: boolean) =>
    bench.collection.watch([{ meter: meterId('1'), readBy: epochMs(readBy), ...(relay && { relay }) }], bench.now)
  hint(local('2026-03-01 10:20'))
  hint(local('2026-03-01 10:30'))
  bench.runUntil(local('2026-03-01 10:25'))
  t.equal(bench.points.length, 0)
  for (let round = 0; round < 60; round++) {
    hint(bench.now.wall, true)
    bench.run(secondMs)
  }
  t.equal(bench.points.length, 4)
  t.equal(bench.relayReads.length, 5)
})

await t.test('a watch that brings nothing is tried anew, ever more rarely', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), { tasks: none })
  bench.answer = (work) => ({ kind: 'settled', outcome: work.plan.registers.map(({ register }) => bad(register, 'no-reply')) })
  bench.collection.watch([{ meter: meterId('1'), readBy: local('2026-03-01 10:00') }], bench.now)
  bench.runUntil(local('2026-03-01 12:00'))
  t.equal(bench.told(watchTaskId).length, 11)
  t.match(bench.told(watchTaskId)[0], /energy=no-reply/)
  bench.answer = (work, now) => ({ kind: 'settled', outcome: answerAll(work, now) })
  bench.run(20 * minuteMs)
  t.equal(bench.told(watchTaskId).length, 12)
  bench.run(60 * minuteMs)
  t.equal(bench.told(watchTaskId).length, 12, 'the next hint comes from the account')
})

await t.test('a hint that comes while the read is under way replaces its retry', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), { tasks: none })
  bench.answer = (work) => ({ kind: 'settled', outcome: work.plan.registers.map(({ register }) => bad(register, 'no-reply')) })
  bench.collection.watch([{ meter: meterId('1'), readBy: local('2026-03-01 10:00') }], bench.now)
  bench.run(secondMs)
  bench.collection.watch([{ meter: meterId('1'), readBy: epochMs(bench.now.wall + 20 * secondMs) }], bench.now)
  bench.run(30 * secondMs)
  t.equal(bench.collection.book.size, 1, 'one read at a time')
  bench.collection.watch([{ meter: meterId('1'), readBy: local('2026-03-01 13:00') }], bench.now)
  bench.runUntil(local('2026-03-01 12:50'))
  t.equal(bench.told(watchTaskId).length, 1)
})

await t.test('hints that replace one another do not pile up', async (t) => {
  const watch = new ThresholdWatch(defaultCollectionSettings)
  const bench = new CoreBench(local('2026-03-01 10:00'))
  for (let round = 0; round < 1000; round++) {
    watch.hint({ meter: meterId('1'), readBy: epochMs(bench.now.wall + 3_600_000 + round) }, bench.now)
    t.ok(watch.size < 100)
    if (watch.size >= 100) return
  }
  t.same(watch.due({ ...bench.now, monotonic: (bench.now.monotonic + 3_600_000) as never }), [
    { meter: meterId('1'), relay: false },
  ])
  watch.failed(meterId('2'), bench.now)
  watch.hint({ meter: meterId('1'), readBy: bench.now.wall }, bench.now)
  watch.forget(meterId('1'))
  t.same(watch.due({ ...bench.now, monotonic: (bench.now.monotonic + 7_200_000) as never }), [])
})

await t.test('meters with accounts are read where their tariff changes its rate', async (t) => {
  const bench = new CoreBench(local('2026-03-01 07:00'), { meters: [testMeter('1'), testMeter('2')], tasks: none })
  bench.collection.watchBoundaries([{ tariff: 'home', meters: [meterId('1'), meterId('gone')] }], bench.now)
  bench.turn()
  bench.runUntil(local('2026-03-01 08:30'))
  t.match(bench.told(boundaryTaskId), [/^03-01 08:00 live energy=\d+$/])
  bench.step(-60 * minuteMs)
  bench.runUntil(local('2026-03-01 08:30'))
  t.equal(bench.told(boundaryTaskId).length, 1, 'lesson 25: a boundary that comes again is not read again')
  bench.collection.watchBoundaries([{ tariff: 'home', meters: [meterId('1')] }], bench.now)
  bench.runUntil(local('2026-03-01 22:30'))
  t.equal(bench.told(boundaryTaskId).length, 2)
  bench.collection.watchBoundaries([{ tariff: 'flat', meters: [meterId('1')] }], bench.now)
  bench.runUntil(local('2026-03-02 09:30'))
  t.equal(bench.told(boundaryTaskId).length, 2)
})

await t.test('watched reads outlive new parameters, but not their meter', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), { meters: [testMeter('1'), testMeter('2')], tasks: none })
  bench.answer = (work) => ({ kind: 'settled', outcome: work.plan.registers.map(({ register }) => bad(register, 'no-reply')) })
  bench.collection.watch(
    [
      { meter: meterId('1'), readBy: bench.now.wall },
      { meter: meterId('2'), readBy: bench.now.wall },
    ],
    bench.now,
  )
  bench.run(2 * secondMs)
  bench.configure({ ...bench.site, tasks: [] })
  t.equal(bench.collection.book.size, 2)
  bench.configure({ ...bench.site, meters: [testMeter('1', { address: meterAddress('000000000009') })] })
  t.same(
    bench.told(watchTaskId).map((line) => line.replace(/.* /, '')),
    ['energy=meter-replaced', 'energy=no-reply'],
  )
  bench.run(60 * minuteMs)
  t.equal(bench.points.length, 2, 'what was forgotten is not watched any more')
})

await t.test('a meter’s clock is compared at every read of it, told once when it is off, and its trend is kept', async (t) => {
  const clock = task('clock', { kind: 'clock', items: ['clock', 'energy'], cron: '0 * * * *', priority: 'clock-care' })
  const bench = new CoreBench(local('2026-03-01 10:30'), { tasks: [clock] })
  let fastMs = 0
  bench.answer = (work, now) => ({ kind: 'settled', outcome: answerAll(work, { ...now, wall: epochMs(now.wall + fastMs) }) })
  bench.runUntil(local('2026-03-01 11:30'))
  t.ok(Math.abs(bench.clocks[0]?.driftMs ?? 9999) <= 1000)
  fastMs = 90 * secondMs
  bench.runUntil(local('2026-03-01 13:30'))
  t.match(bench.events, [{ code: 'meter-clock.over-limit', severity: 'warning', meter: '1' }])
  const state = bench.collection.stateOf(meterId('1'))
  t.ok((state.clock.driftMs ?? 0) > 80 * secondMs)
  bench.runUntil(local('2026-03-03 10:30'))
  t.ok((driftPerDayMs(state.clock) ?? driftPerDayMs(bench.collection.stateOf(meterId('1')).clock) ?? 0) > 0)
  bench.collection.clockSet(meterId('1'), bench.now.wall)
  bench.collection.clockSet(meterId('1'), bench.now.wall)
  fastMs = 400 * secondMs
  bench.runUntil(local('2026-03-03 11:30'))
  t.match(bench.events.at(-1), { code: 'meter-clock.faulty', severity: 'alarm' })
})

await t.test('an untrusted clock of ours compares, but judges no meter', async (t) => {
  const clock = task('clock', { kind: 'clock', items: ['clock'], cron: '0 * * * *', priority: 'clock-care' })
  const bench = new CoreBench(local('2026-03-01 10:30'), { tasks: [clock] })
  bench.now = { ...bench.now, trusted: false }
  bench.answer = (work, now) => ({ kind: 'settled', outcome: answerAll(work, { ...now, wall: epochMs(now.wall + 600_000) }) })
  bench.runUntil(local('2026-03-01 11:30'))
  t.equal(bench.clocks.length, 1)
  t.equal(bench.collection.stateOf(meterId('1')).clock.driftMs, null)
  bench.answer = (work) => ({
    kind: 'settled',
    outcome: work.plan.registers.map(({ register }) => good(register, [text('no time at all')])),
  })
  bench.runUntil(local('2026-03-01 12:30'))
  t.equal(bench.clocks.length, 1)
})

await t.test('what a meter with a wrong clock kept belongs to other instants', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:30'), {
    tasks: [
      task('clock', { kind: 'clock', items: ['clock'], cron: '0 * * * *', priority: 'clock-care' }),
      task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 3, closesAfterMs: 86_400_000 }),
      task('curve', { backfillDays: 1, closesAfterMs: 7_200_000 }),
    ],
  })
  const isSilent = () => bench.now.wall > local('2026-03-01 11:50') && bench.now.wall < local('2026-03-01 12:14')
  bench.answer = (work, now) => ({
    kind: 'settled',
    outcome: isSilent()
      ? work.plan.registers.map(({ register }) => bad(register, 'no-reply'))
      : answerAll(work, { ...now, wall: epochMs(now.wall + 600_000) }),
  })
  bench.runUntil(local('2026-03-02 00:30'))
  t.ok(bench.told('curve').includes('03-01 12:00 live energy=clock-wrong'))
  t.match(bench.told('freeze'), [/^03-02 00:00 live energy=\d+$/], 'a live value serves while the window lasts')
})

await t.test('a relay is seen in the status word that is read in passing', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:00'), {
    tasks: [task('status', { kind: 'status', items: ['status-3'], cron: '7 * * * *' })],
  })
  bench.runUntil(local('2026-03-01 10:30'))
  bench.answer = (work) => ({
    kind: 'settled',
    outcome: work.plan.registers.map(({ register }) =>
      good(register, [{ kind: 'bits', hex: '1090', names: ['relay-open', 'pre-trip-alarm', 'power-protection'], unit: '' }]),
    ),
  })
  bench.runUntil(local('2026-03-01 11:30'))
  bench.answer = (work) => ({
    kind: 'settled',
    outcome: work.plan.registers.map(({ register }) => good(register, [text('odd')])),
  })
  bench.runUntil(local('2026-03-01 12:30'))
  t.same(bench.relays, [
    { meter: '1', contact: 'closed', alarm: false, protected: false },
    { meter: '1', contact: 'open', alarm: true, protected: true },
  ])
})

await t.test('a relay is seen among all seven status words too, and never where the profile knows of none', async (t) => {
  const word = (hex: string, names: readonly string[]) => ({ kind: 'bits', hex, names, unit: '' }) as const
  const words = [word('0000', []), word('0000', []), word('0050', ['relay-open', 'relay-command-trip']), word('0000', [])]
  for (const relay of [true, false]) {
    const items = new Map([[itemId('status'), { register: '040005FF' }]])
    const bench = new CoreBench(local('2026-03-01 10:00'), {
      profiles: [testProfile({ items, relay })],
      tasks: [task('status', { kind: 'status', items: ['status'], cron: '7 * * * *' })],
    })
    bench.answer = (work) => ({ kind: 'settled', outcome: work.plan.registers.map(({ register }) => good(register, words)) })
    bench.runUntil(local('2026-03-01 10:30'))
    t.same(bench.relays, relay ? [{ meter: '1', contact: 'open', alarm: false, protected: false }] : [])
    t.same(bench.told('status'), ['03-01 10:07 live status=0000 0000 0050 0000'])
  }
})

await t.test('tasks for roles, for lists, and for links of their own', async (t) => {
  const meters = [
    testMeter('1'),
    testMeter('2', { role: 'generation', link: linkId('bus-2') }),
    testMeter('3', { profile: 'unknown' }),
  ]
  const bench = new CoreBench(local('2026-03-01 10:00'), {
    meters,
    profiles: [testProfile()],
    tasks: [
      task('a', { meters: { roles: ['generation'] } }),
      task('b', { meters: { ids: [meterId('1')] } }),
      task('c', { items: ['nothing'] }),
    ],
  })
  bench.runUntil(local('2026-03-01 10:20'))
  t.same(
    bench.points.map(({ meter, task: id }) => [meter, id]),
    [
      ['1', 'b'],
      ['2', 'a'],
    ],
  )
  bench.collection.fire('nobody' as never, bench.now.wall, bench.now)
  t.equal(bench.collection.book.size, 0)
})
