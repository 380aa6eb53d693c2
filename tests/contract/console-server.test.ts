import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { VirtualTime } from '../../drivers/simulated/index.js'
import { connectConsole } from '../../src/console/client.js'
import { answerMsMax, idleMsMax } from '../../src/console/connection.js'
import { requestBytesMax } from '../../src/console/protocol.js'
import { connectionsMax, startConsoleServer, type ConsoleServerOptions } from '../../src/console/server.js'
import { socketPathBytesMax } from '../../src/console/socket-file.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { consoleNow, fakeBackend, type FakeBackendOptions } from '../helpers/console-backend.js'
import { lineLog } from '../helpers/line-log.js'

interface Setup extends FakeBackendOptions {
  readonly file?: Partial<ConsoleServerOptions['file']>
  readonly timers?: ConsoleServerOptions['timers']
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-console-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function served(t: Test, setup: Setup = {}) {
  const path = setup.file?.path ?? join(folderOf(t), 'console.sock')
  const { log, lines } = lineLog()
  const { backend } = fakeBackend(setup)
  const server = await startConsoleServer({
    backend,
    addressOf: () => null,
    file: { group: null, mode: 0o660, ...setup.file, path },
    timers: setup.timers ?? systemTimers,
    log,
  })
  t.teardown(() => server.close())
  return { path, server, lines }
}

/** A connection of which the test sees each line and the end. */
async function dial(t: Test, path: string) {
  const socket = connect({ path, allowHalfOpen: true })
  t.teardown(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => undefined)
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return { socket, closed, next: async (): Promise<unknown> => lineOf(await lines.next()) }
}

function lineOf(line: IteratorResult<string>): unknown {
  return line.done === true ? 'end' : (JSON.parse(line.value) as unknown)
}

const say = (socket: Socket, line: unknown): void => void socket.write(`${JSON.stringify(line)}\n`)
const trace = (id: number) => ({ v: 1, id, call: { ask: 'trace', link: 'rs485-1', count: 5 } })

await t.test('a request is a line of JSON with a version, its answer another one', async (t) => {
  const { path } = await served(t)
  const { socket, next } = await dial(t, path)
  say(socket, trace(7))
  t.strictSame(await next(), {
    v: 1,
    id: 7,
    ok: true,
    value: { utcOffsetMinutes: 480, link: 'rs485-1', up: false, lines: [] },
  })
  say(socket, { v: 1, id: 8, call: { ask: 'trace', link: 'bus9', count: 5 } })
  t.match(await next(), { v: 1, id: 8, ok: false, error: { code: 'unknown-link', at: 'link' } })
})

await t.test('bad requests are refused with their place, and the connection goes on', async (t) => {
  const { path } = await served(t)
  const { socket, next } = await dial(t, path)
  const cases: readonly (readonly [string, { code: string; at: string }])[] = [
    ['nonsense', { code: 'malformed', at: 'request' }],
    ['[]', { code: 'malformed', at: 'request' }],
    ['{"v":2,"id":1,"call":{"ask":"status"}}', { code: 'version', at: 'request.v' }],
    ['{"v":1,"call":{"ask":"status"}}', { code: 'malformed', at: 'request.id' }],
    ['{"v":1,"id":1,"call":{"ask":"shutdown"}}', { code: 'malformed', at: 'request.call.ask' }],
    ['{"v":1,"id":1,"call":{"ask":"status","more":1}}', { code: 'malformed', at: 'request.call' }],
    ['{"v":1,"id":1,"call":{"ask":"events","count":0}}', { code: 'malformed', at: 'request.call.count' }],
    ['{"v":1,"id":1,"call":{"ask":"events","count":1001}}', { code: 'malformed', at: 'request.call.count' }],
    ['{"v":1,"id":1,"call":{"ask":"gaps","count":1,"day":"2026-13-01"}}', { code: 'malformed', at: 'request.call.day' }],
    ['{"v":1,"id":1,"call":{"ask":"read","meter":"m 1","registers":[]}}', { code: 'malformed', at: 'request.call.meter' }],
  ]
  for (const [line, error] of cases) {
    socket.write(`${line}\n`)
    t.match(await next(), { v: 1, ok: false, error }, line)
  }
  socket.write(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]))
  t.match(await next(), { ok: false, error: { code: 'malformed', at: 'request' } }, 'bytes that are no UTF-8')
  say(socket, trace(9))
  t.match(await next(), { id: 9, ok: true })
})

await t.test('requests may come glued together or byte by byte; answers keep their order', async (t) => {
  const { path } = await served(t)
  const { socket, next } = await dial(t, path)
  socket.write(`${JSON.stringify(trace(1))}\n${JSON.stringify(trace(2))}\n${JSON.stringify(trace(3)).slice(0, 10)}`)
  t.match(await next(), { id: 1 })
  t.match(await next(), { id: 2 })
  for (const character of `${JSON.stringify(trace(3)).slice(10)}\n`) socket.write(character)
  t.match(await next(), { id: 3 })
})

await t.test('who closes its side after asking is still answered', async (t) => {
  const { path } = await served(t)
  const { socket, next } = await dial(t, path)
  socket.end(`${JSON.stringify(trace(1))}\n${JSON.stringify(trace(2))}\n`)
  t.match(await next(), { id: 1, ok: true })
  t.match(await next(), { id: 2, ok: true })
  t.equal(await next(), 'end')
})

await t.test('a request without end is cut off, whatever it says', async (t) => {
  const { path } = await served(t)
  const { socket, next } = await dial(t, path)
  const piece = Buffer.alloc(65_536, 0x20)
  for (let sent = 0; sent <= requestBytesMax; sent += piece.length) socket.write(piece)
  t.match(await next(), { id: null, ok: false, error: { code: 'too-long' } })
  t.equal(await next(), 'end')
})

await t.test('the largest order fits', async (t) => {
  const envelopes: string[] = []
  const intake = (envelope: string) => {
    envelopes.push(envelope)
    return Promise.resolve({ accepted: false as const, code: 'malformed', message: 'no' })
  }
  const { path } = await served(t, { overrides: { intake } })
  const client = await connectConsole(path, systemTimers)
  if (!client.ok) throw new Error(client.error.message)
  t.teardown(() => client.value.close())
  const envelope = `{"key":"k","payload":"${'A'.repeat(2_097_152 - 40)}","sig":"s"}`
  t.match(await client.value.ask({ ask: 'submit', envelope }), { ok: true, value: { accepted: false, code: 'malformed' } })
  t.equal(envelopes[0]?.length, envelope.length)
})

await t.test('so many consoles and no more', async (t) => {
  const { path } = await served(t)
  const open = []
  for (let index = 0; index < connectionsMax; index++) open.push(await dial(t, path))
  for (const { socket } of open) say(socket, trace(1))
  for (const { next } of open) t.match(await next(), { ok: true })
  const late = await connectConsole(path, systemTimers)
  if (!late.ok) throw new Error(late.error.message)
  t.match(await late.value.ask({ ask: 'status' }), { ok: false, error: { code: /^(console-busy|no-answer)$/ } })
  open[0]?.socket.destroy()
  await open[0]?.closed
  // The server hears of the close a moment later.
  for (let tries = 0; ; tries++) {
    const { socket, next } = await dial(t, path)
    say(socket, trace(1))
    const reply = (await next()) as { readonly ok: boolean }
    if (reply.ok) break
    if (tries > 1000) throw new Error('the place of a closed console was not given on')
  }
})

await t.test('an idle console is closed, an answer that does not come is told', async (t) => {
  const time = new VirtualTime({ wallStart: consoleNow })
  let asked = (): void => undefined
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const read = () => new Promise<never>(() => asked())
  const { path } = await served(t, { timers: time, overrides: { read } })
  const idle = await dial(t, path)
  const waiting = await dial(t, path)
  say(idle.socket, trace(1))
  t.match(await idle.next(), { ok: true })
  say(waiting.socket, { v: 1, id: 2, call: { ask: 'read', meter: 'm1', registers: ['00010000'] } })
  const told = waiting.next()
  await isAsked
  await time.runFor(answerMsMax)
  t.match(await told, { id: 2, ok: false, error: { code: 'timeout' } })
  t.equal(await idle.next(), 'end')
  t.ok(idleMsMax < answerMsMax, 'while it waits for its answer a console is not idle')
})

await t.test('a fault behind an answer is told and logged; the daemon goes on', async (t) => {
  const { path, lines } = await served(t)
  const { socket, next } = await dial(t, path)
  say(socket, { v: 1, id: 1, call: { ask: 'accounts' } })
  t.match(await next(), { id: 1, ok: false, error: { code: 'fault', at: 'daemon', message: 'nothing was asked of accounts' } })
  t.match(lines.at(-1), { event: 'console-failed', fields: { ask: 'accounts' } })
  say(socket, trace(2))
  t.match(await next(), { id: 2, ok: true })
})

await t.test('only the group may open the socket, and it goes with the server', async (t) => {
  const { path, server } = await served(t, { file: { mode: 0o660 } })
  t.equal(statSync(path).mode & 0o777, 0o660)
  t.ok(lstatSync(path).isSocket())
  await server.close()
  t.notOk(existsSync(path))
})

await t.test('a group that exists is given the socket; one that does not is told of', async (t) => {
  const missing = await served(t, { file: { group: 'nobody-has-this-group' } })
  t.match(missing.lines, [{ level: 'warn', event: 'console-group' }, { event: 'console-open' }])
  const gid = process.getgid?.() ?? 0
  const own = spawnSync('id', ['-gn', String(process.getuid?.() ?? 0)], { encoding: 'utf8' }).stdout.trim()
  const given = await served(t, { file: { group: own } })
  t.equal(statSync(given.path).gid, gid)
  t.match(given.lines, [{ event: 'console-open' }])
})

await t.test('what a killed daemon left is removed; what is in use, or is no socket, is not', async (t) => {
  const path = join(folderOf(t), 'console.sock')
  leaveStale(path)
  t.ok(lstatSync(path).isSocket(), 'a socket on which nobody listens')
  const first = await served(t, { file: { path } })
  await t.rejects(served(t, { file: { path } }), { code: 'socket-in-use' }, 'the second daemon refuses')
  const { socket, next } = await dial(t, first.path)
  say(socket, trace(1))
  t.match(await next(), { ok: true }, 'the first one still answers')

  const other = join(folderOf(t), 'console.sock')
  writeFileSync(other, 'precious')
  await t.rejects(served(t, { file: { path: other } }), { code: 'no-socket' })
  t.equal(statSync(other).size, 8)
})

await t.test('a path that cannot be bound is said clearly', async (t) => {
  const folder = folderOf(t)
  await t.rejects(served(t, { file: { path: join(folder, 'missing', 'console.sock') } }), {
    code: 'socket-bind',
    message: /there is no folder/,
  })
  const long = join(folder, 'x'.repeat(socketPathBytesMax))
  await t.rejects(served(t, { file: { path: long } }), { code: 'socket-path' })
})

await t.test('the client says what keeps it from the daemon', async (t) => {
  const folder = folderOf(t)
  t.match(await connectConsole(join(folder, 'none.sock'), systemTimers), { ok: false, error: { code: 'no-daemon' } })
  const stale = join(folder, 'stale.sock')
  leaveStale(stale)
  t.match(await connectConsole(stale, systemTimers), { ok: false, error: { code: 'no-daemon' } })
  if (process.getuid?.() !== 0) {
    const { path } = await served(t)
    chmodSync(path, 0)
    t.match(await connectConsole(path, systemTimers), { ok: false, error: { code: 'no-right' } })
  }
})

await t.test('the client trusts no stranger behind the socket', async (t) => {
  const path = join(folderOf(t), 'other.sock')
  const lines = ['not json\n', '{"hello":1}\n', '{"v":1,"id":1,"ok":false,"error":{"code":"a","at":"b","message":"c"}}\n']
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => (lines.length === 0 ? socket.destroy() : socket.write(lines.shift() ?? '')))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => void server.close())
  for (const error of [{ code: 'version' }, { code: 'version' }, { code: 'a', at: 'b', message: 'c' }, { code: 'no-answer' }]) {
    const client = await connectConsole(path, systemTimers)
    if (!client.ok) throw new Error(client.error.message)
    t.match(await client.value.ask({ ask: 'status' }), { ok: false, error })
    client.value.close()
    t.match(
      await client.value.ask({ ask: 'status' }),
      { ok: false, error: { code: 'no-answer' } },
      'a closed client answers at once',
    )
  }
})

/** The socket of a process that was killed: the file stays, nobody listens. */
function leaveStale(path: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
}
