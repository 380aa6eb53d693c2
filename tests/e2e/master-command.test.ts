import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { keyId } from '../../src/model/index.js'
import type { OrderBody } from '../../src/model/index.js'
import type { OrderIntake } from '../../src/ports/index.js'
import { Mosquitto } from '../helpers/mosquitto.js'
import { RecordStore } from '../helpers/record-store.js'
import { concentrator, listIntake, master, scratch, until, uplinkTo } from '../helpers/uplink-bench.js'

const program = fileURLToPath(new URL('../../scripts/master-station/main.js', import.meta.url))

interface Answer {
  readonly status: number
  readonly lines: readonly unknown[]
  readonly errors: string
}

function command(...words: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], (error, out, errors) => {
      const lines = out
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as unknown)
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, lines, errors })
    })
  })
}

await t.test('the master’s commands, from a new key to an executed order', async (t) => {
  const folder = scratch(t)
  const db = join(folder, 'station.db')
  const keyFile = join(folder, 'key.pem')
  const signing = ['--db', db, '--concentrator', concentrator, '--key', keyFile, '--key-id', 'hq', '--pin', '246810', '--json']

  const made = await command('keys', 'new', keyFile, '--pin', '246810', '--json')
  t.equal(statSync(keyFile).mode & 0o777, 0o600)
  const { publicKey } = made.lines[0] as { publicKey: string }
  t.match(await command('keys', 'show', keyFile, '--pin', '246810', '--json'), { lines: [{ publicKey }] })
  t.match(await command('keys', 'show', keyFile), { status: 2, errors: /needs its PIN/ })
  t.match(await command('keys', 'new', keyFile), { status: 2, errors: /exists/ })

  const broker = await Mosquitto.start()
  const store = new RecordStore()
  const taken: OrderBody[] = []
  const journal = listIntake(store, [{ id: keyId('hq'), role: 'master', publicKey }], taken)
  const uplink = uplinkTo({ store, urls: [broker.url], intake: carriedOut(store, journal) })
  const run = spawn(process.execPath, [program, 'run', '--db', db, '--broker', broker.url, '--master', master, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (run.exitCode === null) run.kill('SIGKILL')
    await uplink.close()
    await broker.stop()
  })
  if (run.stdout !== null) await once(run.stdout, 'data')
  for (let i = 0; i < 5; i++) store.append('status', { i })
  store.evict('status', 2)
  uplink.start()
  await until('the mark', () => store.marks.get(master)?.get('status') === 5)

  await t.test('an order is signed, sent, and its end awaited', async (t) => {
    const done = await command('order', 'alarm', 'meter=m1', 'on=true', '--wait', '15', ...signing)
    t.match(done, { status: 0, lines: [{ kind: 'alarm', number: 1, state: 'journalled', stage: 'done' }] })
    const again = await command('replay', 'status', '3', '2', '--wait', '15', ...signing)
    t.match(again, { status: 0, lines: [{ kind: 'replay', number: 2, stage: 'done' }] })
    t.match(taken, [
      { kind: 'alarm', on: true },
      { kind: 'replay', stream: 'status', first: 3, count: 2 },
    ])
  })

  await t.test('bad words are refused before anything is signed', async (t) => {
    t.match(await command('order', 'credit', 'amount=5x', ...signing), { status: 2, errors: /^order\./ })
    t.match(await command('order', 'credit', 'amount', ...signing), { status: 2, errors: /field=value/ })
    t.match(await command('order', 'explode', ...signing), { status: 2 })
  })

  await t.test('what the file says is shown', async (t) => {
    const shown = await command('show', '--db', db, '--json')
    const tables = shown.lines as { report: string; rows: unknown[] }[]
    const rows = (name: string) => tables.find((table) => table.report === name)?.rows
    t.match(rows('concentrators'), [{ id: concentrator, state: 'online' }])
    t.match(rows('marks'), [
      { stream: 'result', mark: 4 },
      { stream: 'status', mark: 5, above: 0 },
    ])
    t.match(rows('orders'), [{ number: 2 }, { number: 1 }])
    const gaps = await command('gaps', '--db', db, '--json')
    t.match(gaps.lines, [{ rows: [{ stream: 'status', first: 1, count: 2, reason: 'retention' }] }])
    t.match(await command('show', '--db', join(folder, 'none')), { status: 2, errors: /does not exist/ })
  })

  await t.test('it ends in good order', async (t) => {
    run.kill('SIGTERM')
    const [status] = (await once(run, 'exit')) as [number | null]
    t.equal(status, 0)
  })
})

/** Tells a second stage after the first, as an executor does. */
function carriedOut(store: RecordStore, journal: OrderIntake): OrderIntake {
  return async (envelope, origin) => {
    const answer = await journal(envelope, origin)
    const number = store.counters['hq']
    if (answer.accepted) {
      store.append('result', { by: 'master', origin: 'hq', number, kind: '', stage: 'done', attempts: 1, evidence: {} })
    }
    return answer
  }
}
