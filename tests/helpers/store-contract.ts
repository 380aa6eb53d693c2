import type { Test } from 'tap'
import { accountId, epochMs, masterId, meterId } from '../../src/model/index.js'
import type { Stream } from '../../src/model/index.js'
import type { Store, StoreCommands } from '../../src/ports/index.js'
import { Master, SiteTime, curvePoint, dayStart, siteOf, slotMs } from './store-site.js'

/** Opens the store under test on a file; each call after a `close` opens what is there. */
export type OpenStore = (path: string) => Promise<Store>

interface Bench {
  readonly open: OpenStore
  readonly path: () => string
}

/** What every store must do, whichever adapter carries the commands. */
export async function storeContract(t: Test, bench: Bench): Promise<void> {
  for (const [name, check] of checks) await t.test(name, (t) => check(t, bench))
}

type Check = (t: Test, bench: Bench) => Promise<void>

const checks: readonly (readonly [string, Check])[] = [
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
      t.same(slots.map((slot) => [slot.meter, slot.slotAt]).sort(), [
        ['m1', dayStart],
        ['m1', dayStart + 2 * slotMs],
        ['m2', dayStart + slotMs],
      ])
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
    'money counts once whatever is repeated, and a restart changes nothing',
    async (t, bench) => {
      const { store, time, master, path } = await opened(bench)
      await apply(store, time, 'm1', 0, 10_000)
      await order(store, time, master.order(master.open('a1', 'm1', 30_000_000n), time.at))
      const pay = master.order(master.credit('a1', 50_000_000n, 1), time.at)
      t.match(await order(store, time, pay), { accepted: true, order: { stage: 'done' } })
      t.match(await order(store, time, pay), { accepted: false, code: 'replayed' })
      const repeated = master.order(master.credit('a1', 50_000_000n, 1), time.at)
      t.match(await order(store, time, repeated), { accepted: true, order: { evidence: { repeated: true } } })
      await apply(store, time, 'm1', 1, 10_200)
      await apply(store, time, 'm1', 2, 10_400)
      const view = async (from: Store) => (await from.run('accounts', {})).accounts.map((each) => each.runningBalance)
      t.same(await view(store), [78_000_000n], '4 kWh at 0.5')
      await store.run('flush', {})
      await store.close()
      const again = await bench.open(path)
      const { moneySafe } = await again.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
      t.ok(moneySafe)
      t.same(await view(again), [78_000_000n], 'the running balance is derived from the stored points')
      t.match(await order(again, time, pay), { accepted: false, code: 'replayed' })
      const { entries } = await again.run('entries', { account: accountId('a1'), first: 1, count: 100 })
      t.equal(
        entries.reduce((sum, entry) => sum + entry.amount, 0n),
        entries.at(-1)?.balanceAfter,
      )
      t.equal(entries.filter((entry) => entry.kind === 'credit').length, 1)
      await again.close()
    },
  ],

  [
    'a refused order is journalled as refused, numbered on, and explained',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      t.match(await order(store, time, master.order(master.credit('nobody', 1n, 1), time.at)), {
        accepted: false,
        code: 'unknown-target',
      })
      t.same((await store.run('extents', {})).counters, { 'master-1': 1 })
      const results = await store.run('read-stream', { stream: 'result', first: 1, maxCount: 9, maxBytes: 9000 })
      t.match(results.records, [{ body: { by: 'master', origin: 'master-1', number: 1, kind: 'credit', stage: 'refused' } }])
      const { events } = await store.run('events', { count: 1 })
      t.match(events, [{ code: 'order.refused', account: 'nobody', detail: { reason: 'unknown-target' } }])
      await store.run('refuse-order', { code: 'forged', message: 'no', origin: 'unknown', stamp: time.stamp() })
      t.match((await store.run('events', { count: 1 })).events, [{ code: 'order.refused', detail: { reason: 'forged' } }])
      await store.close()
    },
  ],

  [
    'an account that runs out is warned, cut, paid and may close; why tells all of it',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      await apply(store, time, 'm1', 0, 10_000)
      await order(store, time, master.order(master.open('a1', 'm1', 25_000_000n), time.at))
      await store.run('relay-seen', {
        meter: meterId('m1'),
        contact: 'closed',
        alarm: false,
        protected: false,
        stamp: time.stamp(),
      })
      const warned = await apply(store, time, 'm1', 1, 11_400)
      t.match(warned.effects.orders, [
        { order: { body: { kind: 'alarm', on: true }, origin: { by: 'rule', account: 'a1', number: 1 } } },
      ])
      const cut = await apply(store, time, 'm1', 8, 15_100)
      const trip = cut.effects.orders.find((each) => each.order.body.kind === 'disconnect')
      if (trip === undefined) throw new Error('no trip was ordered')
      t.same(await store.run('order-sending', { id: trip.id, stamp: time.stamp() }), {})
      t.match((await store.run('open-orders', {})).orders, [{ stage: 'journalled' }, { stage: 'sending', attempts: 1 }])
      const relay = { contact: 'open' as const, alarm: true, protected: false }
      await store.run('order-outcome', { id: trip.id, stage: 'done', evidence: { word: '0041' }, relay, stamp: time.stamp() })
      t.match((await store.run('accounts', {})).accounts, [{ account: { state: 'disconnected' } }])
      const paid = await order(store, time, master.order(master.credit('a1', 40_000_000n, 1), time.at))
      t.match(paid, { accepted: true, effects: { orders: [{ order: { body: { kind: 'permit-to-close' } } }] } })
      const why = await store.run('why', { account: accountId('a1'), count: 50 })
      const transitions = why.lines.filter((line) => line.code === 'account.transition').map((line) => line.detail['to'])
      t.same(transitions.slice(0, 3), ['may-close', 'disconnected', 'disconnecting'])
      t.match(
        why.orders.map((each) => each.order.body.kind),
        ['permit-to-close', 'credit', 'disconnect', 'alarm', 'open-account'],
      )
      await store.close()
    },
  ],

  [
    'what a rule took back is not sent: a journalled order ends, a begun one is stopped',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      await apply(store, time, 'm1', 0, 10_000)
      await order(store, time, master.order(master.open('a1', 'm1', 25_000_000n), time.at))
      await store.run('relay-seen', {
        meter: meterId('m1'),
        contact: 'closed',
        alarm: false,
        protected: false,
        stamp: time.stamp(),
      })
      const cut = await apply(store, time, 'm1', 8, 15_100)
      const trip = cut.effects.orders.find((each) => each.order.body.kind === 'disconnect')
      if (trip === undefined) throw new Error('no trip was ordered')
      await order(store, time, master.order(master.credit('a1', 90_000_000n, 1), time.at))
      t.match(await store.run('order', { id: trip.id }), { order: { stage: 'expired', evidence: { withdrawn: true } } })
      t.same(await store.run('order-sending', { id: trip.id, stamp: time.stamp() }), { withdrawn: true })
      await store.close()
    },
  ],

  [
    'lesson 19: an absence, a wrong unit or a decrease never changes the ledger',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      await apply(store, time, 'm1', 0, 10_000)
      await order(store, time, master.order(master.open('a1', 'm1', 30_000_000n), time.at))
      const { entries } = await store.run('entries', { account: accountId('a1'), first: 1, count: 9 })
      const balance = async () => (await store.run('accounts', {})).accounts[0]?.runningBalance
      await apply(store, time, 'm1', 1, null)
      await apply(store, time, 'm1', 2, 0)
      t.equal(await balance(), 30_000_000n)
      const wrong = curvePoint('m1', time.at, time.stamp(), 10_100)
      const values = wrong.values.map((value) =>
        'unit' in value && value.unit === 'kWh' ? { ...value, unit: 'V' as const } : value,
      )
      await store.run('apply-points', { points: [{ ...wrong, values }], stamp: time.stamp() })
      t.equal(await balance(), 30_000_000n)
      t.same((await store.run('entries', { account: accountId('a1'), first: 1, count: 9 })).entries, entries)
      t.ok((await store.run('why', { account: accountId('a1'), count: 9 })).lines.some((line) => line.severity !== 'info'))
      await store.close()
    },
  ],

  [
    'parameter sets are versioned; a set that is not above the one in force is refused whole',
    async (t, bench) => {
      const { store, time, master, path } = await opened(bench)
      const set = (version: number, body: unknown) =>
        master.order({ kind: 'set-parameters', name: 'tasks', version, body }, time.at)
      t.match(await order(store, time, set(2, { tasks: [1] })), { accepted: true, parameters: ['tasks'] })
      t.match(await order(store, time, set(2, { tasks: [2] })), { accepted: false, code: 'conflict' })
      await store.close()
      const again = await bench.open(path)
      t.match(await again.run('stored-parameters', {}), { sets: [{ name: 'tasks', version: 2, body: { tasks: [1] } }] })
      await again.close()
    },
  ],

  [
    'a replaced device keeps its new address until the archive is set anew',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      const replaced = {
        ...{ kind: 'replace-meter' as const, meter: meterId('m2'), newAddress: '000000000099', finalEnergy: null },
        ...{ initialEnergy: 0n as never, at: epochMs(time.at), witness: 'operator 7' },
      }
      t.match(await order(store, time, master.order(replaced, time.at)), { accepted: true })
      t.match((await store.run('stored-parameters', {})).addresses, [{ meter: 'm2', address: '000000000099' }])
      const archive = { kind: 'set-parameters' as const, name: 'archive' as const, version: 1, body: { meters: [] } }
      await order(store, time, master.order(archive, time.at))
      t.same((await store.run('stored-parameters', {})).addresses, [])
      await store.close()
    },
  ],

  [
    'a master that knows more makes a new epoch: numbers go on, accounts wait for its word',
    async (t, bench) => {
      const { store, time, master } = await opened(bench)
      await order(store, time, master.order(master.open('a1', 'm1', 30_000_000n), time.at))
      const before = await store.run('extents', {})
      const head = masterId('head')
      await store.run('acknowledge', {
        master: head,
        epoch: before.epoch,
        marks: [{ stream: 'event', upTo: 2 }],
        stamp: time.stamp(),
      })
      const { epoch } = await store.run('new-epoch', { reason: 'the master has more', stamp: time.stamp() })
      t.ok(epoch > before.epoch)
      const after = await store.run('extents', {})
      t.equal(after.epoch, epoch)
      t.match(after.tombstones, [{ stream: 'event', first: 1, count: 2, reason: 'salvage' }])
      t.equal(after.extents.find((each) => each.stream === 'event')?.lo, 3)
      t.notOk((await store.run('health', {})).health.moneySafe)
      const { accounts } = await store.run('accounts', {})
      const { entryCount, chainHash } = accounts[0]?.account ?? { entryCount: 0, chainHash: '' }
      await order(store, time, master.order({ kind: 'agree', account: accountId('a1'), entry: entryCount, chainHash }, time.at))
      t.ok((await store.run('health', {})).health.moneySafe)
      await store.close()
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

async function opened({ open, path }: Bench) {
  const at = path()
  const store = await open(at)
  const time = new SiteTime()
  await store.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
  return { store, time, master: new Master(), path: at }
}

export function event(code: string) {
  return { code, severity: 'info' as const, detail: { n: 1 } }
}

/** Applies the point of one slot; without `energy` it grows by 0.1 kWh a slot from 100 kWh. */
export async function apply(store: Store, time: SiteTime, meter: string, slot: number, energy?: number | null) {
  time.at = dayStart + slot * slotMs + 1500
  time.monotonicMs += 1000
  const point = curvePoint(meter, dayStart + slot * slotMs, time.stamp(), energy === undefined ? 10_000 + slot * 10 : energy)
  return store.run('apply-points', { points: [point], stamp: time.stamp() })
}

export async function fillDay(store: Store, time: SiteTime, meters: number, slots: number): Promise<void> {
  for (let slot = 0; slot < slots; slot += 1) {
    for (let meter = 1; meter <= meters; meter += 1)
      await apply(store, time, `m${meter}`, slot, slot % 9 === 8 ? null : 10_000 + slot * 10)
  }
}

export async function order(store: Store, time: SiteTime, input: Omit<StoreCommands['journal-order']['in'], 'stamp'>) {
  return store.run('journal-order', { ...input, stamp: time.stamp() })
}

/** Every record of a stream as JSON text, read in small batches. */
export async function readAll(store: Store, stream: Stream): Promise<readonly string[]> {
  const all: string[] = []
  for (;;) {
    const { records } = await store.run('read-stream', { stream, first: all.length + 1, maxCount: 37, maxBytes: 8000 })
    if (records.length === 0) return all
    for (const record of records) all.push(JSON.stringify(record))
  }
}
