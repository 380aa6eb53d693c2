import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { createNotifier, waitingMax } from '../../src/runtime/notify.js'
import { lineLog } from '../helpers/line-log.js'
import { projectRoot } from '../helpers/root.js'

const hasProgram = spawnSync('systemd-notify', ['--version']).error === undefined

/** A stand-in for systemd's socket, and the messages that came over it. */
async function fakeManager(t: { teardown(end: () => void): void }) {
  // Not in the test's own folder: a socket's path has at most 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'notify')
  const child = spawn('python3', [join(projectRoot(), 'tests/helpers/notify-socket.py'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const messages: string[][] = []
  const lines = createInterface(child.stdout)
  const first = await new Promise<string>((resolve) => {
    lines.once('line', resolve)
    lines.once('close', () => resolve('the socket could not be made'))
  })
  if (!first.includes('listening')) throw new Error(first)
  lines.on('line', (line) => messages.push(JSON.parse(line) as string[]))
  const close = () =>
    new Promise<void>((resolve) => {
      lines.once('close', resolve)
      child.kill()
    })
  return { path, messages, close }
}

const nothing = { PATH: process.env['PATH'] }

await t.test(
  'systemd hears of readiness, status, feeds and the end, in order',
  { skip: !hasProgram && 'systemd-notify is not installed' },
  async (t) => {
    const manager = await fakeManager(t)
    const { log, lines } = lineLog()
    const environment = { ...nothing, NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '180000000', WATCHDOG_PID: String(process.pid) }
    const notifier = createNotifier(environment, log, process.pid)
    t.equal(notifier.watchdogMs, 180_000)
    notifier.ready('4 buses\nREADY=0')
    notifier.feedWatchdog()
    notifier.status('store 1, uplink online')
    notifier.stopping()
    await notifier.flushed()
    await manager.close()
    t.same(manager.messages, [
      ['READY=1', 'STATUS=4 buses READY=0'],
      ['WATCHDOG=1'],
      ['STATUS=store 1, uplink online'],
      ['STOPPING=1'],
    ])
    t.same(lines, [])
  },
)

await t.test(
  'a flood drops the oldest status, never readiness',
  { skip: !hasProgram && 'systemd-notify is not installed' },
  async (t) => {
    const manager = await fakeManager(t)
    const notifier = createNotifier({ ...nothing, NOTIFY_SOCKET: manager.path }, lineLog().log, process.pid)
    t.equal(notifier.watchdogMs, null)
    notifier.status('first')
    notifier.ready('ready')
    for (let index = 1; index <= 20; index++) notifier.status(`number ${index}`)
    await notifier.flushed()
    await manager.close()
    const texts = manager.messages.map((message) => message.at(-1))
    t.same(texts.slice(0, 3), ['STATUS=first', 'STATUS=ready', `STATUS=number ${20 - waitingMax + 2}`])
    t.equal(texts.at(-1), 'STATUS=number 20')
  },
)

await t.test('without a service manager nothing is told; a manager that is gone is a warning, once', async (t) => {
  const { log, lines } = lineLog()
  const alone = createNotifier(nothing, log, process.pid)
  alone.ready('alone')
  await alone.flushed()
  t.same(lines, [])
  const gone = createNotifier(
    { ...nothing, NOTIFY_SOCKET: join(t.testdir(), 'gone'), WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' },
    log,
    process.pid,
  )
  t.equal(gone.watchdogMs, null, 'the watchdog of another process')
  gone.ready('x')
  gone.feedWatchdog()
  await gone.flushed()
  t.match(lines, [{ level: 'warn', event: 'notify-failed' }])
})
