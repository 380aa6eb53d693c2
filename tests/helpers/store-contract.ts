import type { Test } from 'tap'
import { epochMs, masterId, meterId } from '../../src/model/index.js'
import type { Stream } from '../../src/model/index.js'
import { moneyChecks } from './store-contract-money.js'
import { apply, event, fillDay, opened, readAll } from './store-steps.js'
import type { Bench, Checks } from './store-steps.js'
import { SiteTime, dayStart, siteOf, slotMs } from './store-site.js'

/** What every store must do, whichever adapter carries the commands. */
export async function storeContract(t: Test, bench: Bench): Promise<void> {
  for (const [name, check] of [...recordChecks, ...moneyChecks]) await t.test(name, (t) => check(t, bench))
}

/** Streams, points, marks and clocks. */
const recordChecks: Checks = [
  [
    'numbers are given with the commit, in order, and told',
    async (t, bench) => {
      const { store, time } = await opened(bench)
      const told: { stream: Stream; hi: number }[] = []
      const heard: number[] = []
      store.onAppended((ends) => told.push(...ends))
      store.onAppended((ends) => heard.push(ends.length))
      await store.run('record-event', { event: event('area.one'), stamp: time.stamp() })
      await store.run('record-event', { event: event('area.two'), stamp: time.stamp() })
      await store.run('record-status', { body: { kind: 'health' }, stamp: time.stamp() })
      const { records } = await store.run('read-stream', { stream: 'event', first: 1, maxCount: 10, maxBytes: 10_000 })
      t.match(
        records.map((record) => [record.seq, record.body['code']]),
        [
          [1, 'store.created'],
          [2, 'area.one'],
          [3, 'area.two'],
        ],
      )
      t.match(told, [
        { stream: 'event', hi: 2 },
        { stream: 'event', hi: 3 },
        { stream: 'status', hi: 1 },
      ])
      t.same(heard, [1, 1, 1], 'every listener hears')
      await store.close()
    },
  ],

  [
    'lesson 18: points keep when they were measured and received, in log, chunk and after a restart, byte for byte',
    async (t, bench) => {
      const { store, time, path } = await opened(bench)
      await fillDay(store, time, 3, 40)
      await store.run('flush', {})
      const before = await readAll(store, 'curve')
      t.equal(before.length, 120)
      const closed = await store.run('close-day', { day: dayStart, stamp: time.stamp() })
      t.equal(closed.packedPoints, 120)
      t.same(await readAll(store, 'curve'), before, 'packing changes no record')
      await store.close()
      const again = await bench.open(path)
      t.same(await readAll(again, 'curve'), before, 'neither does a restart')
      const page = await again.run('read-stream', { stream: 'curve', first: 50, maxCount: 7, maxBytes: 100_000 })
      t.same(
        page.records.map((record) => JSON.stringify(record)),
        before.slice(49, 56),
      )
      await again.close()
    },
  ],

  [
    'notes are kept over a restart, the latest of each name, until they are forgotten',
    async (t, bench) => {
      const { store, time, path } = await opened(bench)
      const keep = (name: string, body: unknown) => store.run('keep-note', { name, body, stamp: time.stamp() })
      await keep('meter/m1', { refuses: { x: 1 } })
      await keep('meter/m1', { refuses: { x: 2 } })
      await keep('meter/m2', ['y'])
      await keep('unknown', { meters: [] })
      await keep('meter/m3', 'gone')
      await keep('meter/m3', null)
      const kept = [
        { name: 'meter/m1', body: { refuses: { x: 2 } } },
        { name: 'meter/m2', body: ['y'] },
      ]
      t.same((await store.run('notes', { prefix: 'meter/' })).notes, kept)
      await store.close()
      const again = await bench.open(path)
      t.same((await again.run('notes', { prefix: 'meter/' })).notes, kept)
      t.equal((await again.run('notes', { prefix: '' })).notes.length, 3)
      t.same((await again.run('notes', { prefix: 'meter/m%' })).notes, [], 'a prefix is no pattern')
      await again.close()
    },
  ],

  [
    'points wait for their group; 400 values commit it, and so does anything urgent',
    async (t, bench) => {
      const { store, time } = await opened(bench)
      const hi = async () => (await store.run('extents', {})).extents.find((each) => each.stream === 'curve')?.hi
      for (let i = 0; i < 99; i += 1) await apply(store, time, 'm1', i)
      t.equal(await hi(), 0)
      t.equal((await store.run('health', {})).health.pendingValues, 396)
      await apply(store, time, 'm1', 99)
      t.equal(await hi(), 100)
      await apply(store, time, 'm1', 100)
      await store.run('record-event', { event: event('area.urgent'), stamp: time.stamp() })
      t.equal(await hi(), 101)
      await store.close()
    },
  ],

  [
    'queries see the group, the log and the chunks alike; gaps carry their reasons',
    async (t, bench) => {
      const { store, time } = await opened(bench)
      await apply(store, time, 'm1', 0)
      await store.run('close-day', { day: dayStart, stamp: time.stamp() })
      await apply(store, time, 'm2', 1, null)
      await store.run('flush', {})
      await apply(store, time, 'm1', 2, null)
      const span = { from: dayStart, to: epochMs(dayStart + 3 * slotMs) }
      const { slots } = await store.run('closed-slots', span)
      const [m1, m2] = [...slots].sort((a, b) => a.slotAt - b.slotAt)
      t.match(m1, { meter: 'm1', slotAt: dayStart, stepMs: 2 * slotMs, count: 2 }, 'packed, logged and grouped alike')
      t.same([m2?.meter, m2?.slotAt, m2?.count], ['m2', dayStart + slotMs, undefined])
      t.same(await store.run('closed-slots', { ...span, runsMax: 2 }), { slots, isWhole: true })
      t.same(await store.run('closed-slots', { ...span, runsMax: 1 }), { slots: [], isWhole: false }, 'too many for one answer')
      const { gaps } = await store.run('gaps', { ...span, count: 10 })
      t.match(gaps, [
        { meter: 'm2', task: 'curve', slotAt: dayStart + slotMs, item: 'energy', reason: 'no-reply' },
        { meter: 'm1', slotAt: dayStart + 2 * slotMs, reason: 'no-reply' },
      ])
      const { points } = await store.run('points', { meter: meterId('m1'), ...span })
      t.same(
        points.map((point) => point.slotAt),
        [dayStart, dayStart + 2 * slotMs],
      )
      await store.close()
    },
  ],

  [
    'lesson 9: only the master’s mark moves a cursor, and nothing it lacks is gone',
    async (t, bench) => {
      const { store, time, path } = await opened(bench)
      await fillDay(store, time, 2, 30)
      await store.run('flush', {})
      const { epoch } = await store.run('extents', {})
      const master = masterId('head')
      const ack = (upTo: number, inEpoch = epoch) =>
        store.run('acknowledge', { master, epoch: inEpoch, marks: [{ stream: 'curve', upTo }], stamp: time.stamp() })
      t.same(await ack(20), { moved: true })
      t.same(await ack(10), { moved: false }, 'never back')
      t.same(await ack(61), { moved: false }, 'never beyond the end')
      t.same(await ack(30, epoch + 1), { moved: false }, 'never for another epoch')
      await store.close()
      const again = await bench.open(path)
      t.same(await again.run('cursors', { master }), { cursors: [{ stream: 'curve', upTo: 20 }] })
      t.equal((await readAll(again, 'curve')).length, 60)
      await again.close()
    },
  ],

  [
    'lesson 25: the order of records survives a clock that starts in 1970 and steps',
    async (t, bench) => {
      const path = bench.path()
      const store = await bench.open(path)
      const time = new SiteTime()
      time.at = 5000
      time.trusted = false
      const { effects } = await store.run('configure', { parameters: siteOf(1), stamp: time.stamp() })
      t.same(effects.orders, [])
      t.same(await store.run('last-instant', {}), { at: null }, 'nothing trusted was stored yet')
      await store.run('record-event', { event: event('area.first'), stamp: time.stamp() })
      time.pass(1000)
      time.at = dayStart
      time.trusted = true
      await store.run('record-event', { event: event('area.second'), stamp: time.stamp() })
      time.at -= 3_600_000
      time.monotonicMs += 10
      await store.run('record-event', { event: event('area.third'), stamp: time.stamp() })
      t.same(await store.run('last-instant', {}), { at: dayStart }, 'a step back does not take it back')
      const { events } = await store.run('events', { count: 3 })
      t.same(
        events.map((each) => each.code),
        ['area.third', 'area.second', 'area.first'],
      )
      const monotonic = events.map((each) => each.stamp.monotonicMs)
      t.same(
        monotonic,
        [...monotonic].sort((a, b) => b - a),
      )
      await store.close()
      const again = await bench.open(path)
      t.same(await again.run('last-instant', {}), { at: dayStart })
      await again.close()
    },
  ],

  [
    'commands before the parameters are refused, unknown orders are an error, and a closed store says so',
    async (t, bench) => {
      const store = await bench.open(bench.path())
      const time = new SiteTime()
      await t.rejects(store.run('accounts', {}), { code: 'store-not-configured' })
      await store.run('configure', { parameters: siteOf(1), stamp: time.stamp() })
      await t.rejects(store.run('order-sending', { id: 77, stamp: time.stamp() }), /no order 77/)
      t.same(await store.run('order', { id: 77 }), { order: null })
      const { health } = await store.run('health', {})
      t.match(health, { synchronous: 'FULL', schemaVersion: 1, state: 'fresh', moneySafe: true })
      await store.close()
      await t.rejects(store.run('health', {}), { code: 'store-closed' })
    },
  ],
]
