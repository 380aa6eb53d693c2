import { join } from 'node:path'
import t from 'tap'
import { openInProcessStore, openWorkerStore } from '../../src/store/index.js'
import { storeContract } from '../helpers/store-contract.js'
import { Seeded, StillTimers, dayStart, temporaryFolder } from '../helpers/store-site.js'

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
