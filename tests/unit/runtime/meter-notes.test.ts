import t from 'tap'
import { task, testTasks } from '../../helpers/collection-site.js'
import { local, testMeter } from '../../helpers/core-bench.js'
import { ShellBench } from '../../helpers/shell-bench.js'

t.setTimeout(300_000)
const hourMs = 3_600_000
const start = local('2026-03-01 09:50')

await t.test('what a meter refuses is kept in the store, and a start recalls it for the same device alone', async (t) => {
  const tasks = [task('curve', { items: ['energy', 'power'] })]
  const bench = new ShellBench(start, { meters: [testMeter('1')], tasks })
  bench.refused.add('02030000')
  await bench.collector.start()
  await bench.time.runFor(hourMs)
  const note = bench.store.notes.get('meter/1')
  t.match(note, { refuses: { 'live 02030000': Number }, isVanished: false, address: testMeter('1').address })
  await bench.restart(1_000)
  await bench.time.runFor(hourMs)
  t.equal(bench.store.events.filter(({ code }) => code === 'meter.refuses').length, 1)
  bench.refused.clear()
  bench.store.notes.set('meter/1', { ...(note as object), address: 'another' })
  bench.store.notes.set('meter/9', note)
  for (const odd of [null, 'x', { refuses: 5, address: 'a' }, { refuses: {}, address: 5 }])
    bench.store.notes.set(`meter/odd`, odd)
  await bench.restart(1_000)
  await bench.time.runFor(hourMs)
  const last = bench.store.points.filter((point) => point.task === 'curve').at(-1)
  t.notOk(
    last?.values.some((value) => 'absent' in value),
    'another device is asked for everything',
  )
  bench.store.notes.set('meter/1', {
    refuses: { 'live 02030000': 'x', 'live 0001FF00': bench.time.wall().at },
    address: testMeter('1').address,
  })
  await bench.restart(1_000)
  await bench.time.runFor(hourMs)
  t.match(bench.store.points.at(-1)?.values, [{ absent: 'refused' }, { item: 'power', ints: [Number] }])
  await bench.collector.close()
})

await t.test('days that a meter owes are kept in the store over a restart, and asked for then', async (t) => {
  const bench = new ShellBench(start, { meters: [testMeter('1')], tasks: testTasks() })
  const owed = local('2026-02-24 00:00')
  bench.store.notes.set('meter/1', {
    ...{ refuses: {}, isVanished: false, address: testMeter('1').address },
    lostDays: { freeze: [owed], odd: ['x'], none: 5 },
  })
  await bench.collector.start()
  await bench.time.runFor(2 * hourMs)
  const late = bench.store.points.filter(({ task: id, slotAt }) => id === 'freeze' && slotAt === owed)
  t.equal(late.length, 1)
  t.ok(late[0]?.values.every((value) => !('absent' in value)))
  t.notOk(JSON.stringify(bench.store.notes.get('meter/1') ?? '').includes(String(owed)), 'it has come')
  await bench.collector.close()
})

await t.test('a replaced device’s note is forgotten', async (t) => {
  const tasks = [task('curve', { items: ['energy', 'power'] })]
  const bench = new ShellBench(start, { meters: [testMeter('1')], tasks })
  bench.refused.add('02030000')
  await bench.collector.start()
  await bench.time.runFor(hourMs)
  t.ok(bench.store.notes.has('meter/1'))
  await bench.collector.reconfigure({ ...bench.parameters, meters: [testMeter('1', { address: 'other' as never })] })
  await bench.time.runFor(1_000)
  t.notOk(bench.store.notes.has('meter/1'))
  await bench.collector.reconfigure({ ...bench.parameters, meters: [] })
  await bench.collector.close()
})
