import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { accountId, epochMs, streams } from '../../src/model/index.js'
import type { Store } from '../../src/ports/index.js'
import { openInProcessStore } from '../../src/store/index.js'
import { readAll } from '../helpers/store-steps.js'
import { Seeded, SiteTime, StillTimers, dayStart, siteOf, temporaryFolder } from '../helpers/store-site.js'

const kills = Number(process.env['WATTKEEP_KILLS'] ?? '20')
const seed = Number(process.env['WATTKEEP_SEED'] ?? '1')
const victim = fileURLToPath(new URL('../helpers/store-victim.js', import.meta.url))

/** Works on the store until it is killed. @returns what was acknowledged before */
async function killOnce(path: string, round: number, afterMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [victim, path, String(seed), String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  // Killed only once it works: how long a start takes is no matter here.
  while (text === '' && child.exitCode === null) await pause(5)
  await pause(afterMs)
  child.kill('SIGKILL')
  await ended
  if (child.exitCode !== null) throw new Error(`the victim ended by itself with ${child.exitCode}`)
  return text.split('\n').slice(0, -1)
}

await t.test(`${kills} kills at random moments: nothing acknowledged is lost, nothing is doubled (seed ${seed})`, async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const random = new Seeded(seed)
  const said = new Set<string>()
  let before = new Map<string, readonly string[]>()
  for (let round = 0; round < kills; round += 1) {
    for (const line of await killOnce(path, round, random.int(400))) said.add(line)
    const store = openInProcessStore({ path, now: dayStart, random, reserveBytes: 65_536 }, new StillTimers())
    const records = new Map<string, readonly string[]>()
    for (const stream of streams) records.set(stream, await readAll(store, stream))
    for (const stream of streams) {
      const old = before.get(stream) ?? []
      t.same((records.get(stream) ?? []).slice(0, old.length), old, `round ${round}: no ${stream} record changed`)
    }
    before = records
    const problems = await check(store, said, records)
    t.same(problems, [], `round ${round}: ${said.size} acknowledged`)
    await store.close()
  }
  t.comment([...before].map(([stream, all]) => `${all.length} ${stream}`).join(', '))
})

async function check(
  store: Store,
  said: ReadonlySet<string>,
  records: ReadonlyMap<string, readonly string[]>,
): Promise<readonly string[]> {
  const problems: string[] = []
  const { health } = await store.run('health', {})
  if (health.state !== 'opened') problems.push(`the store was ${health.state}`)
  const ledger = (records.get('ledger') ?? []).join('\n')
  const events = (records.get('event') ?? []).join('\n')
  const { counters } = await store.run('extents', {})
  for (const line of said) {
    const [kind = '', key = ''] = line.split(' ')
    if (kind === 'credit' && ledger.split(`"key":"${key}"`).length !== 2) problems.push(line)
    if (kind === 'event' && events.split(`"key":"${key}"`).length !== 2) problems.push(line)
    if (kind === 'order' && (counters['master-1'] ?? 0) < Number(key)) problems.push(line)
    if (kind === 'journalled' || kind === 'done') {
      const { order } = await store.run('order', { id: Number(key) })
      if (order === null || (kind === 'done' && order.stage !== 'done')) problems.push(`${line}: ${order?.stage ?? 'gone'}`)
    }
  }
  const time = new SiteTime()
  time.at = epochMs(dayStart - 1)
  const { moneySafe } = await store.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
  if (!moneySafe) problems.push('a chain or a sum does not hold')
  for (const { account } of (await store.run('accounts', {})).accounts) {
    const { entries } = await store.run('entries', { account: accountId(account.id), first: 1, count: 100_000 })
    if (entries.reduce((sum, entry) => sum + entry.amount, 0n) !== account.balance)
      problems.push(`${account.id}: the sum differs`)
  }
  return problems
}
