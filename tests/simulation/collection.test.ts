import t from 'tap'
import { epochMs, formatLocal } from '../../src/model/index.js'
import { CollectionBench, doubled, endings } from '../helpers/collection-bench.js'

t.setTimeout(600_000)
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const utcOffsetMinutes = 480
/** 2026-03-01 10:00 local. */
const startsAt = Date.UTC(2026, 2, 1, 2, 0, 0)
const area = { seed: 1, startsAt, utcOffsetMinutes, baud: 2400, historyMs: 3 * dayMs }
const local = (text: string): number => Date.parse(`${text.replace(' ', 'T')}:00Z`) - utcOffsetMinutes * 60_000

await t.test('lessons 16 and 17: dead meters and lost exchanges leave no gap but their own', async (t) => {
  const bench = new CollectionBench({
    ...area,
    buses: 2,
    metersPerBus: 20,
    shares: { dead: 50_000, noFreezes: 50_000 },
    faults: { lostRepliesPpm: 50_000 },
  })
  const dead = bench.area.archive
    .filter((meter) => bench.area.meter(meter.address).options.quirks.deadSpans.length > 0)
    .map(({ id }) => id)
  await bench.collector.start()
  await bench.time.runFor(20 * hourMs)
  for (const task of ['freeze', 'curve', 'status', 'clock']) t.comment(task, JSON.stringify(endings(bench.store, task)))
  t.ok(dead.length > 0)
  t.same(doubled(bench.store), [])
  const alive = bench.store.points.filter((point) => !dead.includes(point.meter))
  t.same(
    alive.filter((point) => point.values.some((value) => 'absent' in value)),
    [],
    'every value of an answering meter is there at 06:00',
  )
  t.equal(alive.filter((point) => point.task === 'freeze').length, 40 - dead.length)
  t.equal(alive.filter((point) => point.task === 'curve').length, (40 - dead.length) * 79)
  const reasons = bench.store.points
    .filter((point) => dead.includes(point.meter))
    .flatMap((point) => point.values.map((value) => ('absent' in value ? value.absent : 'value')))
  t.same([...new Set(reasons)], ['no-reply'])
  t.same(bench.faults, [])
})

await t.test('a bus that was unplugged for hours is filled from the meters’ memory', async (t) => {
  const unpluggedSpans = [{ fromMs: local('2026-03-01 22:00'), toMs: local('2026-03-02 03:00') }]
  const bench = new CollectionBench({ ...area, buses: 1, metersPerBus: 10, faults: { unpluggedSpans, lostRepliesPpm: 20_000 } })
  await bench.collector.start()
  await bench.time.runFor(20 * hourMs)
  t.comment(JSON.stringify(endings(bench.store, 'curve')))
  t.match(endings(bench.store, 'freeze'), { 'energy daily-freeze': 10 })
  const energy = bench.store.points
    .filter((point) => point.task === 'curve')
    .flatMap((point) => point.values.filter((value) => value.item === 'energy'))
  t.equal(energy.length, 10 * 79)
  t.ok(energy.every((value) => 'ints' in value))
  t.same(doubled(bench.store), [])
  for (const point of bench.store.points.filter((one) => one.task === 'freeze' || one.source === 'load-record')) {
    const [value] = point.values
    const truth = bench.area.meter(bench.area.archive.find(({ id }) => id === point.meter)?.address ?? '')
    if (value === undefined || !('ints' in value)) throw new Error('no value')
    t.ok(
      (value.ints[0] ?? 0) <= (truth.truth(bench.area.now()).forward[0] ?? 0),
      `${formatLocal(point.slotAt, utcOffsetMinutes)}`,
    )
  }
})

await t.test('a process that stops and starts again owes nothing and doubles nothing', async (t) => {
  const bench = new CollectionBench({ ...area, buses: 2, metersPerBus: 5, faults: { lostRepliesPpm: 50_000 } })
  await bench.collector.start()
  for (const [runMs, downMs] of [
    [3 * hourMs, 40_000],
    [2 * hourMs + 123_456, 2 * hourMs],
    [7 * hourMs, 1_000],
    [8 * hourMs, hourMs],
  ] as const) {
    await bench.time.runFor(runMs)
    await bench.restart(downMs)
  }
  await bench.time.runFor(2 * hourMs)
  t.same(doubled(bench.store), [])
  const until = epochMs(bench.time.wall().at - 20 * 60_000)
  const curve = bench.store.points.filter((point) => point.task === 'curve' && point.slotAt <= until)
  t.equal(curve.length, 10 * Math.floor((until - startsAt) / 900_000))
  t.same(
    curve.filter((point) => point.values.some((value) => 'absent' in value)),
    [],
  )
  t.equal(bench.store.points.filter((point) => point.task === 'freeze').length, 10)
})

await t.test('two runs with one seed are identical', async (t) => {
  const digest = async () => {
    const bench = new CollectionBench({
      ...area,
      buses: 2,
      metersPerBus: 10,
      shares: { dead: 50_000 },
      faults: { lostRepliesPpm: 50_000, flippedPpm: 10_000 },
    })
    await bench.collector.start()
    await bench.time.runFor(6 * hourMs)
    return JSON.stringify(bench.store.points)
  }
  t.equal(await digest(), await digest())
})
