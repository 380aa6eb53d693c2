import { accountId, epochMs, masterId, meterId } from '../../src/model/index.js'
import type { Store } from '../../src/ports/index.js'
import { apply, opened, order } from './store-steps.js'
import type { Checks } from './store-steps.js'
import { curvePoint, siteOf } from './store-site.js'

/** Money, orders and parameters: what every store must do with them. */
export const moneyChecks: Checks = [
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
      t.same(await store.run('order-sending', { id: trip.id, again: true, stamp: time.stamp() }), {})
      t.match(await store.run('order', { id: trip.id }), { order: { attempts: 1 } }, 'what never left is the same attempt')
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
    'a relay found open while a master’s order to open it is under way is no surprise',
    async (t, bench) => {
      const { store, time, master, path } = await opened(bench)
      await apply(store, time, 'm1', 0, 10_000)
      await order(store, time, master.order(master.open('a1', 'm1', 50_000_000n), time.at))
      const see = (from: Store, contact: 'closed' | 'open') =>
        from.run('relay-seen', { meter: meterId('m1'), contact, alarm: false, protected: false, stamp: time.stamp() })
      const warnings = async (from: Store) =>
        (await from.run('events', { count: 100 })).events.filter((event) => event.code === 'account.relay-open').length
      await see(store, 'closed')
      const trip = await order(store, time, master.order({ kind: 'disconnect', meter: meterId('m1') }, time.at))
      if (!trip.accepted) throw new Error('the trip was refused')
      const { id } = trip.order
      await store.run('order-sending', { id, stamp: time.stamp() })
      await store.close()
      const again = await bench.open(path)
      await again.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
      await see(again, 'open')
      t.equal(await warnings(again), 0, 'found after a restart, before the order is verified')
      const relay = { contact: 'open' as const, alarm: false, protected: false }
      await again.run('order-outcome', { id, stage: 'done', evidence: {}, relay, stamp: time.stamp() })
      await see(again, 'closed')
      const idle = await order(again, time, master.order({ kind: 'disconnect', meter: meterId('m1') }, time.at))
      t.match(idle, { accepted: true, order: { stage: 'journalled' } })
      await see(again, 'open')
      t.equal(await warnings(again), 1, 'an order that has not left opens nothing')
      await again.close()
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
]
