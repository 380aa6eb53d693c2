import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { startWires } from '../../scripts/wire-process.js'
import { createLink, parseLinkUrl } from '../../drivers/link/index.js'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import { linkId } from '../../src/model/index.js'
import type { Bus, JobResult, Priority, Runner } from '../../src/ports/index.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { defaultSchedulingPolicy, type SchedulingPolicy } from '../../src/scheduling/index.js'
import { lineLog, type LogLine } from '../helpers/line-log.js'
import { replyOf, testAddress, testSession, type TestOutcome } from '../helpers/test-protocol.js'
import { startTestServer } from '../helpers/test-server.js'

type Result = JobResult<readonly TestOutcome[]>
interface Host {
  readonly bus: Bus
  readonly runner: Runner
  readonly lines: readonly LogLine[]
  readonly read: (meter: number, register: number, priority?: Priority) => Promise<Result>
  readonly close: () => Promise<void>
}

const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })

/** A busy machine may be late by more than a meter is given; where that is not the question, it gets all the time. */
const patient: SchedulingPolicy = {
  ...defaultSchedulingPolicy,
  firstByte: { ...defaultSchedulingPolicy.firstByte, floorMs: 5_000, ceilingMs: 5_000 },
}

function host(url: string, policy: SchedulingPolicy = patient): Host {
  const { log, lines } = lineLog()
  const parsed = parseLinkUrl(url)
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('; '))
  const world = { clock, timers: systemTimers, random: systemRandom }
  const bus = createRs485Bus({ link: createLink(parsed.value, { ...world, log }), clock, timers: systemTimers })
  const runner = createBusRunner({ ...world, link: linkId('bus-1'), bus, quietMs: 0, policy })
  const read: Host['read'] = (meter, register, priority = 'curve') =>
    runner.run({ meter: testAddress(meter), session: testSession({ meter, registers: [register] }), priority, expiresAt: null })
  const close = async (): Promise<void> => {
    await runner.close()
    await bus.close()
  }
  return { bus, runner, lines, read, close }
}

await t.test('lesson 20: a port closed, opened and numbered anew 100 times resumes each time, in few log lines', async (t) => {
  const server = await startTestServer(0)
  const path = join(t.testdir({}), 'bus')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${server.port}` }], baud: 115_200, replyDelayMs: 1 })
  const { read, lines, close } = host(`serial:${path}?baud=115200`)
  let longestMs = 0
  for (let i = 0; i < 100; i++) {
    t.strictSame(await read(7, i), { kind: 'settled', outcome: [7 + i] }, 'the port works')
    // Asked in the middle of it: the exchange either ends before, or is told that the bus went down.
    const during = read(7, 200)
    await wires.replug()
    const startedAt = performance.now()
    await during
    t.match(await read(7, 201), { kind: 'settled', outcome: [208] })
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
  t.ok(longestMs <= 5_000, `back after ${longestMs.toFixed(0)} ms at the latest`)
  t.ok(lines.length < 100, `${lines.length} log lines`)
  await close()
  const [stats] = await wires.stop()
  t.equal(stats?.unplugged, 100)
  await server.close()
})

await t.test(
  'lesson 21: a peer that accepts and stays silent costs its deadline, and the bus recovers when it wakes',
  async (t) => {
    const server = await startTestServer(1)
    const { read, runner, close } = host(`tcp://127.0.0.1:${server.port}`, defaultSchedulingPolicy)
    server.setMute(true)
    const startedAt = performance.now()
    t.strictSame(await read(7, 1, 'live-call'), { kind: 'settled', outcome: ['silent'] })
    t.strictSame(await read(7, 1, 'live-call'), { kind: 'settled', outcome: ['silent'] })
    t.ok(performance.now() - startedAt < 5_000, 'nothing waits for ever')
    server.setMute(false)
    t.strictSame(await read(7, 1, 'live-call'), { kind: 'settled', outcome: [8] })
    t.strictSame(runner.snapshot().silentMeters, [])
    await close()
    await server.close()
  },
)

await t.test('lesson 21: a serial server whose old connection is dead behind it is called again', async (t) => {
  // Answers on its second connection only, as a server does that has lost the first one's state.
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    const isStuck = sockets.length === 0
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', ([, meter = 0, register = 0]) => isStuck || socket.write(replyOf(meter, register, 1)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  const { read, close } = host(`tcp://127.0.0.1:${port}?stale=1`, defaultSchedulingPolicy)
  const outcomes: TestOutcome[] = []
  for (let i = 0; i < 6 && !outcomes.includes(1); i++) {
    const result = await read(i, 1, 'live-call')
    if (result.kind === 'settled') outcomes.push(...result.outcome)
  }
  t.equal(outcomes.at(-1), 1, `after ${outcomes.slice(0, -1).join(', ')}`)
  t.equal(sockets.length, 2)
  await close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

await t.test('lesson 22: 1000 random commands during polling, and never two frames on the wire at once', async (t) => {
  const server = await startTestServer(0)
  const path = join(t.testdir({}), 'bus')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${server.port}` }], baud: 115_200, replyDelayMs: 1 })
  const { read, runner, close } = host(`serial:${path}?baud=115200`)
  let isPolling = true
  let polled = 0
  const poll = async (meter: number): Promise<void> => {
    while (isPolling) {
      // The lowest priority: polling without pause would starve whatever is below it.
      const result = await read(meter, 1, 'clock-care')
      if (result.kind === 'settled') polled++
    }
  }
  const polling = Promise.all([20, 21, 22, 23].map(poll))
  const priorities: readonly Priority[] = [
    'relay',
    'live-call',
    'threshold-watch',
    'freeze',
    'curve',
    'backfill',
    'discovery',
    'clock-care',
  ]
  const commands: Promise<Result>[] = []
  const wrong: Result[] = []
  for (let i = 0; i < 1_000; i++) {
    const meter = 30 + Math.floor(Math.random() * 100)
    const register = Math.floor(Math.random() * 100)
    const priority = priorities[Math.floor(Math.random() * priorities.length)] ?? 'relay'
    const command = read(meter, register, priority)
    commands.push(command)
    const check = command.then((result) => {
      if (result.kind !== 'settled' || result.outcome[0] !== (meter + register) % 256) wrong.push(result)
    })
    // Some come in bursts, some alone.
    if (Math.random() < 0.3) await check
  }
  await Promise.all(commands)
  isPolling = false
  await polling
  t.strictSame(wrong, [], 'each command got its own answer')
  t.ok(polled > 100, `${polled} polls went on meanwhile`)
  t.match(runner.snapshot(), { replies: 1_000 + polled, silent: 0, garbled: 0 })
  await close()
  const [stats] = await wires.stop()
  t.equal(stats?.overlaps, 0, 'the wire never saw two talk at once')
  t.equal(stats?.requests, 1_000 + polled)
  await server.close()
})
