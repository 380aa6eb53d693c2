import { join } from 'node:path'
import t from 'tap'
import { epochMs } from '../../../src/model/index.js'
import { createStore } from '../../../src/store/open.js'
import { openStore } from '../../../src/store/open-store.js'
import { Seeded, temporaryFolder } from '../../helpers/store-site.js'

await t.test('a store whose creation was cut short after its file stood has an epoch at the next start', (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  createStore(path, 'FULL').close()
  const options = { path, now: epochMs(1_767_225_600_000), random: new Seeded(1) }
  const opened = openStore(options)
  t.equal(opened.sql.get<{ value: string }>("SELECT value FROM setting WHERE name = 'epoch'")?.value, '1767225600')
  t.match(opened, { doubt: null, events: [{ code: 'store.created', detail: { epoch: 1_767_225_600 } }] })
  opened.sql.close()
  const again = openStore({ ...options, now: epochMs(1_767_999_999_000) })
  t.equal(again.sql.get<{ value: string }>("SELECT value FROM setting WHERE name = 'epoch'")?.value, '1767225600', 'and keeps it')
  again.sql.close()
  t.end()
})
