import { copyFileSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { migrate } from '../../../src/store/migrate.js'
import { openExisting, synchronousOf } from '../../../src/store/open.js'
import { migrations } from '../../../src/store/schema.js'
import { eventCodes, openHandled, readRound } from '../../helpers/store-handler.js'
import { temporaryFolder } from '../../helpers/store-site.js'

await t.test('lesson 23: every open sets WAL and FULL and reads both back', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  for (let round = 0; round < 2; round += 1) {
    const { opened, handler } = openHandled(path, { synchronous: 'FULL' })
    t.equal(synchronousOf(opened.sql), 'FULL')
    t.equal(opened.sql.pragma('journal_mode'), 'wal')
    t.match(handler.run('health', {}), { health: { synchronous: 'FULL' } })
    handler.close()
  }
  t.notOk(existsSync(`${path}-shm`), 'the index of the WAL lives in memory')
})

await t.test('a newer schema, another program’s file and a second process are refused in so many words', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'wattkeep.db')
  openHandled(path).handler.close()
  const newer = new Database(path)
  newer.pragma('user_version = 99')
  newer.close()
  t.throws(() => openHandled(path), { code: 'store-newer-schema', message: /schema 99, this program knows up to 1/ })
  const foreign = join(folder, 'foreign.db')
  const other = new Database(foreign)
  other.exec('CREATE TABLE a (b)')
  other.close()
  t.throws(() => openHandled(foreign), { code: 'store-foreign-file' })
  const mine = join(folder, 'mine', 'wattkeep.db')
  const first = openHandled(mine)
  t.throws(() => openExisting(mine, 'FULL'), { code: 'store-locked' })
  first.handler.close()
})

await t.test('a database of schema 1 migrates after a rehearsal on a copy and keeps its sums', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'wattkeep.db')
  const store = openHandled(path)
  const open = store.master.order(store.master.open('a1', 'm1', 30_000_000n), store.time.at)
  store.handler.run('journal-order', { ...open, stamp: store.time.stamp() })
  store.handler.close()
  const sql = openExisting(path, 'OFF')
  const second = { version: 2, sql: 'ALTER TABLE cursor ADD COLUMN note TEXT' }
  const bad = { version: 2, sql: 'ALTER TABLE cursor ADD COLUMN note TEXT; DROP TRIGGER ledger_kept; DELETE FROM ledger;' }
  t.throws(() => migrate(sql, path, [...migrations, bad]), { code: 'store-migration', message: /sums differ/ })
  t.equal(Number(sql.pragma('user_version')), 1, 'the file is untouched')
  t.throws(() => migrate(sql, path, [...migrations, { version: 2, sql: 'no such statement' }]), { code: 'store-migration' })
  migrate(sql, path, [...migrations, second])
  t.equal(Number(sql.pragma('user_version')), 2)
  t.equal(sql.get<{ n: bigint }>('SELECT count(*) AS n FROM ledger')?.n, 1n)
  t.same(
    readdirSync(folder).filter((name) => name.includes('rehearsal')),
    [],
  )
  sql.close()
})

await t.test('lesson 23: a half-made store, an empty file and stale side files do not keep the box from starting', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'wattkeep.db')
  writeFileSync(`${path}.new`, 'half a store')
  writeFileSync(`${path}-shm`, Buffer.alloc(100, 7))
  writeFileSync(`${path}-wal`, Buffer.alloc(100, 7))
  const fresh = openHandled(path)
  t.equal(fresh.opened.state, 'fresh')
  readRound(fresh, 3, 0)
  fresh.handler.close()
  writeFileSync(path, '')
  const emptied = openHandled(path)
  t.equal(emptied.opened.state, 'salvaged', 'a store is never created empty, so an empty file is a loss')
  t.ok(eventCodes(emptied).includes('store.salvaged'))
  emptied.handler.close()
})

await t.test('lesson 7: another store beside ours is reported, and its identity never depends on settings', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'wattkeep.db')
  const store = openHandled(path)
  const { epoch } = store.handler.run('extents', {})
  store.handler.close()
  copyFileSync(path, join(folder, 'older.db'))
  writeFileSync(join(folder, 'notes.db'), 'no database at all, only a name')
  const again = openHandled(path)
  t.equal(again.handler.run('extents', {}).epoch, epoch)
  const { events } = again.handler.run('events', { count: 10 })
  t.match(
    events.filter((event) => event.code === 'store.orphan').map((event) => event.detail['file']),
    ['older.db'],
  )
  again.handler.close()
  renameSync(path, join(folder, 'renamed.db'))
  const fresh = openHandled(path)
  t.equal(fresh.opened.state, 'fresh')
  t.equal(eventCodes(fresh).filter((code) => code === 'store.orphan').length, 2)
  fresh.handler.close()
})

await t.test('lesson 7: after a drain and a restart nothing is owed', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openHandled(path)
  readRound(store, 3, 0)
  store.handler.run('flush', {})
  const { epoch, extents } = store.handler.run('extents', {})
  const marks = extents.map(({ stream, hi }) => ({ stream, upTo: hi }))
  store.handler.run('acknowledge', { master: 'head' as never, epoch, marks, stamp: store.time.stamp() })
  store.handler.close()
  const again = openHandled(path)
  const { cursors } = again.handler.run('cursors', { master: 'head' as never })
  const owed = again.handler.run('extents', {}).extents.filter(({ stream, hi }) => {
    return hi > (cursors.find((cursor) => cursor.stream === stream)?.upTo ?? 0)
  })
  t.same(owed, [])
  again.handler.close()
})
