import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { decodeFrame, encodeRequest, frameSplitter } from '../../src/protocols/dlt645/index.js'

const program = fileURLToPath(new URL('../../scripts/simulate.js', import.meta.url))

interface Running {
  readonly say: (line: string) => void
  /** The next line it prints. */
  readonly next: () => Promise<string>
  readonly stop: (signal: NodeJS.Signals) => Promise<number | null>
}

function simulate(t: Test, args: readonly string[]): Running {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => void child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    say: (line) => void child.stdin.write(`${line}\n`),
    next: async () => {
      const line = await lines.next()
      if (line.done === true) throw new Error('the simulation has ended')
      return line.value
    },
    stop: async (signal) => {
      child.kill(signal)
      return await exited
    },
  }
}

function ask(port: number, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    const splitter = frameSplitter((frame) => {
      socket.destroy()
      resolve(frame)
    })
    socket.on('data', (bytes) => splitter.push(bytes))
    socket.on('error', reject)
  })
}

await t.test('an area started by hand answers over TCP, obeys commands, writes its site and ends on Ctrl-C', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-simulate-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const control = join(folder, 'control.sock')
  const running = simulate(t, [
    ...['--buses', '2', '--meters', '3', '--seed', '5', '--baud', '9600', '--tcp-base-port', '0', '--json'],
    ...['--control', control, '--write-config', join(folder, 'site')],
  ])
  const ready: unknown = JSON.parse(await running.next())
  t.match(ready, { ready: true, links: [{ link: 'bus1', meters: 3 }, { link: 'bus2' }], control })
  const [, port = '0'] = /127\.0\.0\.1:(\d+)/.exec(JSON.stringify(ready)) ?? []

  const reply = decodeFrame(await ask(Number(port), encodeRequest('050001000002', { fn: 'read', di: '0001FF00', load: null })))
  t.match(reply, { ok: true, value: { address: '050001000002', control: 0x91, data: { length: 24 } } })

  running.say('energy m1-002 99999990')
  t.strictSame(JSON.parse(await running.next()), { ok: true, value: null })
  running.say('{"do":"truth","meter":"m1-002"}')
  t.match(JSON.parse(await running.next()), { ok: true, value: { forward: { 0: 99_999_990 }, contact: 'closed' } })
  running.say('statistics')
  t.match(JSON.parse(await running.next()), { value: { bus1: { requests: 1, replies: 1, overlaps: 0 }, bus2: { requests: 0 } } })

  t.equal(statSync(join(folder, 'site', 'secrets.yaml')).mode & 0o777, 0o600)
  t.ok(existsSync(join(folder, 'site', 'wattkeep.yaml')))
  t.equal(await running.stop('SIGINT'), 0)
  t.notOk(existsSync(control))
})

await t.test('on terminals the wire keeps its pace, and they go with the simulation', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-simulate-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const running = simulate(t, ['--buses', '2', '--meters', '1', '--tcp-base-port', '0', '--pty', folder, '--json'])
  t.match(JSON.parse(await running.next()), { links: [{ url: `serial:${join(folder, 'bus1')}?baud=2400&parity=even` }, {}] })
  t.ok(existsSync(join(folder, 'bus2')))
  running.say('stop')
  t.match(JSON.parse(await running.next()), { ok: true })
  t.equal(await running.stop('SIGTERM'), 0)
  t.notOk(existsSync(join(folder, 'bus1')))
})

await t.test('a wrong option is a clear sentence and status 2', async (t) => {
  const child = spawn(process.execPath, [program, '--meters', 'many'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  t.equal(code, 2)
  t.equal(said, 'simulate: --meters takes a whole number from 1 to 9999, not many\n')
})

await t.test(
  'links of every kind are served and described; a module restarts, loses its list and is swapped by hand',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wattkeep-simulate-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const running = simulate(t, [
      ...[
        '--link',
        'rs485:3:dlt698-45=34:dlt645-1997=33',
        '--link',
        'plc-hplc:4',
        '--link',
        'plc-narrow:3',
        '--link',
        'wireless:3',
      ],
      ...['--link', 'radio-modem:2', '--vendor', 'odd', '--hop-loss', '5', '--tcp-base-port', '0', '--json'],
      ...['--write-config', join(folder, 'site')],
    ])
    const ready: unknown = JSON.parse(await running.next())
    t.match(ready, {
      links: [
        { kind: 'rs485', meters: 3 },
        { kind: 'plc-hplc', meters: 4, url: /^tcp:\/\/127\.0\.0\.1:\d+\?baud=9600$/ },
        { kind: 'plc-narrow' },
        { kind: 'wireless' },
        { kind: 'radio-modem', meters: 2 },
      ],
    })
    const site = readFileSync(join(folder, 'site', 'wattkeep.yaml'), 'utf8')
    t.match(site, /id: bus2, driver: plc,/)
    t.match(site, /dlt698-45-single-phase\.yaml/)
    const say = async (line: string): Promise<unknown> => {
      running.say(line)
      return JSON.parse(await running.next())
    }
    t.match(await say('module bus2'), { ok: true, value: { medium: 'plc-hplc', archive: 4 } })
    t.match(await say('wipe bus2'), { ok: true })
    t.match(await say('module bus2'), { value: { archive: 0 } })
    t.match(await say('restart bus3'), { ok: true })
    t.match(await say('swap bus4 terse'), { ok: true })
    t.match(await say('swap bus4 unheard-of'), { ok: false })
    t.match(await say('module bus1'), { ok: false, error: /no module/ })
    t.equal(await running.stop('SIGINT'), 0)
  },
)

await t.test('a link that cannot be is refused with what was expected', async (t) => {
  const cases = ['token-ring:3', 'rs485:0', 'rs485:3:esperanto=50', 'plc-hplc:3:dlt698-45=101'] as const
  for (const link of cases) t.equal(await simulate(t, ['--link', link]).stop('SIGCONT'), 2, link)
})
