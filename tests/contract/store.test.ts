import { join } from 'node:path'
import t from 'tap'
import { COMMANDS_MAX, openInProcessStore, openWorkerStore } from '../../src/store/index.js'
import { storeContract } from '../helpers/store-contract.js'
import { Seeded, SiteTime, StillTimers, dayStart, siteOf, temporaryFolder } from '../helpers/store-site.js'
import { apply, event, fillDay, readAll } from '../helpers/store-steps.js'

await t.test('the store in process', async (t) => {
  const folder = temporaryFolder(t)
  let files = 0
  await storeContract(t, {
    path: () => join(folder, `store-${(files += 1)}`, 'wattkeep.db'),
    open: async (path) => openInProcessStore({ path, now: dayStart, random: new Seeded(1) }, new StillTimers()),
  })
})

await t.test('the store in its worker thread', async (t) => {
  const folder = temporaryFolder(t)
  let files = 0
  await storeContract(t, {
    path: () => join(folder, `store-${(files += 1)}`, 'wattkeep.db'),
    open: (path) => openWorkerStore({ path, now: dayStart, random: new Seeded(1) }, new StillTimers()),
  })
})

await t.test('an order does not wait for the day to be packed', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = await openWorkerStore({ path, now: dayStart, random: new Seeded(1) }, new StillTimers())
  const time = new SiteTime()
  await store.run('configure', { parameters: siteOf(30), stamp: time.stamp() })
  await fillDay(store, time, 30, 200)
  const ended: string[] = []
  const closing = store.run('close-day', { day: dayStart, stamp: time.stamp() }).then((out) => {
    ended.push('day')
    return out
  })
  const noting = store.run('record-event', { event: event('area.noted'), stamp: time.stamp() }).then(() => ended.push('event'))
  const reading = apply(store, time, 'm1', 200).then(() => ended.push('reading'))
  await Promise.all([noting, reading])
  t.same(ended, ['event', 'reading'])
  t.equal((await closing).packedPoints, 6000, 'what came meanwhile is packed the next day')
  await store.run('flush', {})
  const records = await readAll(store, 'curve')
  t.equal(records.length, 6001)
  await store.close()
})

await t.test('a stuck disk does not fill the memory, and a thread that dies leaves nobody waiting', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = await openWorkerStore({ path, now: dayStart, random: new Seeded(1) }, new StillTimers())
  const faults: string[] = []
  store.onFault((error) => faults.push(error.message))
  const many = Array.from({ length: COMMANDS_MAX + 10 }, () =>
    store.run('health', {}).then(
      () => null,
      (error: Error) => error,
    ),
  )
  const refused = (await Promise.all(many)).filter((error) => error !== null)
  t.equal(refused.length, 10)
  t.match(refused[0], { code: 'store-busy' })
  await store.close()
  await t.rejects(store.run('health', {}), { code: 'store-closed' })
  t.same(faults, [])
  await t.rejects(
    openWorkerStore({ path: join(path, 'below-a-file', 'wattkeep.db'), now: dayStart, random: new Seeded(1) }, new StillTimers()),
  )
})

await t.test('points that wait for their group commit after a minute at the latest', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const timers = new StillTimers()
  const store = openInProcessStore({ path, now: dayStart, random: new Seeded(1) }, timers)
  const time = new SiteTime()
  await store.run('configure', { parameters: siteOf(1), stamp: time.stamp() })
  await apply(store, time, 'm1', 0)
  timers.fireAll()
  t.equal((await readAll(store, 'curve')).length, 1)
  await store.close()
})
