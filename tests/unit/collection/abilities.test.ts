import t from 'tap'
import { epochMs, itemId, meterAddress, type ItemSource } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import { meterNote, rememberNote, type Now, type Work } from '../../../src/collection/index.js'
import { ABILITIES_MAX, Capabilities } from '../../../src/collection/capabilities.js'
import { newMeterState } from '../../../src/collection/meter-state.js'
import { answerAll, bad, CoreBench, energyAt, good, local, number, testMeter } from '../../helpers/core-bench.js'
import { task, testProfile } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const refuse = (register: string, errors = ['no-such-data']) => bad(register, 'refused', { retry: 'never', errors })

/** Refuses the registers that a test names, answers the others. */
function refusing(...registers: readonly string[]) {
  return (work: Work, now: Now) =>
    settled(answerAll(work, now).map((one) => (registers.includes(one.register) ? refuse(one.register) : one)))
}
const asks = (bench: CoreBench, register: string): number =>
  bench.works.filter((work) => work.plan.registers.some((one) => one.register === register)).length

await t.test('what a meter refused twice is not asked for again before its time', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { items: ['energy', 'power'] })] })
  bench.answer = refusing('02030000')
  bench.runUntil(local('2026-03-02 00:10'))
  t.equal(asks(bench, '02030000'), 2, 'for two slots, of 96')
  t.ok(
    bench.told('curve').every((line) => line.endsWith(' power=refused')),
    'each slot says that the meter refuses it',
  )
  t.same(
    bench.events.map(({ code, meter, detail }) => [code, meter, detail['what'], detail['errors']]),
    [['meter.refuses', '1', 'live 02030000', 'no-such-data']],
  )
  t.match(meterNote(bench.collection.stateOf(testMeter('1').id)), { refuses: { 'live 02030000': Number }, isVanished: false })
  t.same(bench.learnt, ['1'])
  bench.runUntil(local('2026-04-02 00:10'))
  t.equal(asks(bench, '02030000'), 3, 'once more after 30 days')
  t.equal(bench.events.length, 1)
  bench.answer = (work, now) => settled(answerAll(work, now))
  bench.runUntil(local('2026-05-02 00:10'))
  t.equal(bench.events.at(-1)?.code, 'meter.answers-again')
  t.match(bench.told('curve').at(-1), /power=12345$/)
  t.equal(meterNote(bench.collection.stateOf(testMeter('1').id)), null)
})

await t.test('a restart recalls what was learnt, a replaced device is asked for everything', async (t) => {
  const tasks = [task('curve', { items: ['energy', 'power'] })]
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks })
  rememberNote(bench.collection.stateOf(testMeter('1').id), {
    refuses: { 'live 02030000': local('2026-02-27 00:00') },
    isVanished: false,
    lostDays: new Map(),
  })
  bench.runUntil(local('2026-03-01 02:10'))
  t.equal(asks(bench, '02030000'), 0)
  t.ok(bench.told('curve').every((line) => line.endsWith(' power=refused')))
  bench.configure({ ...bench.site, meters: [testMeter('1', { address: meterAddress('999999999998') })] })
  t.same(bench.learnt, ['1'], 'what was kept of the old device is to be forgotten')
  bench.runUntil(local('2026-03-01 03:10'))
  t.equal(asks(bench, '02030000'), 4)
})

await t.test('a meter without load records is not asked for them every quarter', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), {
    tasks: [task('curve', { cron: '0 */3 * * *', backfillDays: 1, closesAfterMs: dayMs })],
  })
  const empty = (work: Work): ReturnType<typeof settled> =>
    settled(
      work.plan.registers.map(({ register, from }) =>
        from === undefined ? bad(register, 'garbled') : { register, ok: true, values: [], records: [] },
      ),
    )
  bench.answer = empty
  bench.runUntil(local('2026-03-05 00:10'))
  const asked = asks(bench, '06040001')
  t.same(
    bench.events.map(({ code, detail }) => [code, detail['what']]),
    [['meter.refuses', 'record 06040001']],
  )
  bench.runUntil(local('2026-03-15 00:10'))
  t.ok(asks(bench, '06040001') <= asked + 10, `${asks(bench, '06040001')} after ${asked}: only slots that were open already`)
  t.match(bench.told('curve').at(-1), /energy=garbled$/)
})

await t.test('records that come show that the meter keeps them', async (t) => {
  const state = newMeterState()
  t.notOk(state.capabilities.answered('record 06040001'))
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { backfillDays: 1, closesAfterMs: dayMs })] })
  bench.answer = (work, now) =>
    settled(
      work.asks.kind === 'live' ? work.plan.registers.map(({ register }) => bad(register, 'no-reply')) : answerAll(work, now),
    )
  bench.runUntil(local('2026-03-01 06:10'))
  t.same(bench.events, [])
  t.match(bench.told('curve')[0], /load-record/)
})

const single = (register: string, from: number): ItemSource => ({ register, block: { register: '0001FF00', from, count: 1 } })
const rates = testProfile({
  billingItem: itemId('total'),
  items: new Map([
    [itemId('total'), single('00010000', 0)],
    [itemId('peak'), single('00010100', 1)],
    [itemId('valley'), single('00010200', 2)],
    [itemId('power'), { register: '02030000' }],
  ]),
})
const rateTask = task('curve', { items: ['total', 'peak', 'valley', 'power'] })
const block = (work: Work, now: Now, values: number) =>
  settled(
    work.plan.registers.map(({ register }) => {
      if (register === '0001FF00') return good(register, [number(energyAt(now.wall)), number(7), number(9)].slice(0, values))
      return good(register, [number(register.startsWith('0001') ? energyAt(now.wall) : 3)])
    }),
  )
const registersOf = (work: Work | undefined) => work?.plan.registers.map(({ register }) => register)

await t.test('items of one block are read as the block, the others beside it', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { profiles: [rates], tasks: [rateTask] })
  bench.answer = (work, now) => block(work, now, 3)
  bench.runUntil(local('2026-03-01 00:16'))
  t.same(registersOf(bench.works[0]), ['0001FF00', '02030000'])
  t.same(bench.told('curve'), [`03-01 00:15 live total=${energyAt(local('2026-03-01 00:15') + 500)} peak=7 valley=9 power=3`])
  const alone = new CoreBench(local('2026-03-01 00:14'), {
    profiles: [rates],
    tasks: [task('curve', { items: ['peak', 'power'] })],
  })
  alone.answer = (work, now) => block(work, now, 3)
  alone.runUntil(local('2026-03-01 00:16'))
  t.same(registersOf(alone.works[0]), ['00010100', '02030000'], 'for one register the block would cost more')
})

await t.test('a block that is refused or too short is given up at once and its items are read singly', async (t) => {
  for (const answer of [
    (work: Work, now: Now) => block(work, now, 2),
    (work: Work, now: Now) =>
      settled(block(work, now, 3).outcome.map((one) => (one.register === '0001FF00' ? refuse(one.register) : one))),
  ]) {
    const bench = new CoreBench(local('2026-03-01 00:14'), { profiles: [rates], tasks: [rateTask] })
    bench.answer = answer
    bench.runUntil(local('2026-03-01 00:31'))
    t.match(bench.told('curve')[0], /total=\d+ .*valley=\d+ power=3/)
    t.equal(asks(bench, '0001FF00'), 1)
    t.match(registersOf(bench.works.at(-1)), ['00010100', '00010200', '02030000', '00010000'])
    t.equal(bench.events[0]?.detail['what'], 'block 0001FF00')
  }
})

await t.test('a block that was garbled is asked for again', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { profiles: [rates], tasks: [rateTask] })
  let asked = 0
  bench.answer = (work, now) =>
    settled(
      block(work, now, 3).outcome.map((one) =>
        one.register === '0001FF00' && asked++ === 0 ? bad(one.register, 'garbled') : one,
      ),
    )
  bench.runUntil(local('2026-03-01 00:16'))
  t.equal(asks(bench, '0001FF00'), 2)
  t.match(bench.told('curve'), [/peak=7 valley=9/])
})

await t.test('abilities: refusals count for different slots, apart in time, and only so many are remembered', async (t) => {
  const at = (hour: number) => epochMs(hour * hourMs + 10 * dayMs)
  const one = new Capabilities()
  const rule = { refusals: 2, apartMs: 6 * hourMs }
  t.ok(one.isEmpty)
  t.equal(one.refused('x', { at: at(0), slotAt: at(0) }, rule), null)
  t.equal(one.refused('x', { at: at(7), slotAt: at(0) }, rule), null, 'the same slot')
  t.equal(one.refused('x', { at: at(2), slotAt: at(1) }, rule), null, 'too soon')
  t.notOk(one.refuses('x', at(8), dayMs))
  t.equal(one.refused('x', { at: at(8), slotAt: at(1) }, rule), 'learnt')
  t.ok(one.refuses('x', at(9), dayMs))
  t.notOk(one.refuses('x', at(33), dayMs), 'after its time it is tried again')
  t.equal(one.refused('x', { at: at(33), slotAt: at(33) }, rule), 'again')
  t.same(one.learnt(), { x: at(33) })
  for (let count = 0; count < ABILITIES_MAX; count++) one.refused(`y${count}`, { at: at(0), slotAt: at(0) }, rule)
  t.equal(one.refused('z', { at: at(0), slotAt: at(0) }, { refusals: 1, apartMs: 0 }), null)
  t.same(one.learnt(), { x: at(33) }, 'what is not believed is not kept')
  t.ok(one.answered('x'))
  t.notOk(one.answered('y1'), 'nothing had been believed')
})

await t.test('a meter that answers nothing for three days has vanished, until it answers', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { cron: '0 * * * *' })] })
  bench.answer = (work, now) => {
    const isAway = now.wall > local('2026-03-01 06:30') && now.wall < local('2026-03-08 06:30')
    return settled(isAway ? work.plan.registers.map(({ register }) => bad(register, 'no-reply')) : answerAll(work, now))
  }
  bench.runUntil(local('2026-03-04 06:50'))
  t.same(bench.events, [])
  bench.runUntil(local('2026-03-07 12:00'))
  t.match(bench.events, [
    { code: 'meter.vanished', meter: '1', link: 'bus-1', detail: { lastReplyAt: '2026-02-28T22:00:00.500Z' } },
  ])
  t.match(meterNote(bench.collection.stateOf(testMeter('1').id)), { isVanished: true })
  bench.runUntil(local('2026-03-08 08:00'))
  t.equal(bench.events.at(-1)?.code, 'meter.returned')
  t.equal(bench.events.length, 2)
  const never = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { cron: '0 * * * *' })] })
  never.answer = (work) => settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))
  never.run(4 * dayMs)
  t.same(never.events[0]?.detail, { lastReplyAt: null })
})

await t.test('a meter that was told as vanished before a restart is told again only when it returns', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { cron: '0 * * * *' })] })
  rememberNote(bench.collection.stateOf(testMeter('1').id), { refuses: {}, isVanished: true, lostDays: new Map() })
  bench.runUntil(local('2026-03-01 02:00'))
  t.same(
    bench.events.map(({ code }) => code),
    ['meter.returned'],
  )
})

await t.test('a meter that has not joined its network says so in place of no reply', async (t) => {
  const bench = new CoreBench(
    local('2026-03-01 00:10'),
    { meters: [testMeter('1'), testMeter('2')], tasks: [task('curve', { cron: '15 0 * * *', items: ['energy', 'power'] })] },
    {},
    { hasJoined: (meter) => meter !== '2' },
  )
  bench.answer = (work) =>
    settled(work.plan.registers.map(({ register }) => bad(register, register === '02030000' ? 'garbled' : 'no-reply')))
  bench.runUntil(local('2026-03-01 02:00'))
  t.same([...bench.told('curve')].sort(), [
    '03-01 00:15 live energy=no-reply power=garbled',
    '03-01 00:15 live energy=not-joined power=garbled',
  ])
})
