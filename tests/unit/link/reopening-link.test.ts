import t from 'tap'
import { openTimeoutMs, reopenMaxMs, reopenPauseMs } from '../../../drivers/link/link-health.js'
import { linkLogBurstMax, linkLogEveryMs } from '../../../drivers/link/link-log.js'
import { ReopeningLink, type Channel, type ChannelEvents } from '../../../drivers/link/reopening-link.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs } from '../../../src/model/index.js'
import { lineLog, type LogLine } from '../../helpers/line-log.js'

/** Attempts to open are answered by the test. */
class Port {
  readonly attempts: { readonly at: number; readonly events: ChannelEvents }[] = []
  abandoned = 0
  closed = 0
  written: Uint8Array[] = []
  answer: (events: ChannelEvents) => void = (events) => events.opened(this.channel())
  readonly #time: VirtualTime

  constructor(time: VirtualTime) {
    this.#time = time
  }

  open(events: ChannelEvents): () => void {
    this.attempts.push({ at: this.#time.monotonic(), events })
    this.answer(events)
    return () => void this.abandoned++
  }

  channel(): Channel {
    return {
      write: (bytes) => {
        this.written.push(bytes)
        return { ok: true }
      },
      close: (done) => {
        this.closed++
        done()
      },
    }
  }
}

interface Bench {
  readonly time: VirtualTime
  readonly port: Port
  readonly link: ReopeningLink
  readonly lines: readonly LogLine[]
  readonly states: string[]
  readonly last: () => ChannelEvents
}

function bench(staleMs = 0): Bench {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const port = new Port(time)
  const { log, lines } = lineLog()
  const random = { next: () => 1 }
  const open = (events: ChannelEvents): (() => void) => port.open(events)
  const link = new ReopeningLink({ clock: time, timers: time, random, log, name: 'bus-1', byteMs: 1, staleMs, open })
  const states: string[] = []
  link.onState((isOpen, code) => states.push(`${isOpen ? 'open' : 'down'} ${code}`))
  const last = (): ChannelEvents => {
    const attempt = port.attempts.at(-1)
    if (attempt === undefined) throw new Error('nothing was opened')
    return attempt.events
  }
  return { time, port, link, lines, states, last }
}

const bytes = Uint8Array.of(1, 2, 3)

await t.test('nothing is written unless the link is open', async (t) => {
  const { link, port } = bench()
  t.strictSame(link.write(bytes), { ok: false, code: 'not-open' })
  link.start()
  link.start()
  t.equal(port.attempts.length, 1)
  t.strictSame(link.write(bytes), { ok: true })
  await link.close()
  t.strictSame(link.write(bytes), { ok: false, code: 'not-open' })
  t.strictSame(port.written, [bytes], 'nothing is kept for later')
})

await t.test('a port that is not there is tried again with growing pauses, and told once', async (t) => {
  const { link, port, time, lines, states } = bench()
  port.answer = (events) => events.lost('no-device', 'no such file')
  link.start()
  await time.runFor(60_000)
  const pauses = port.attempts.map(({ at }, i) => at - (port.attempts[i - 1]?.at ?? 0))
  t.strictSame(pauses.slice(0, 7), [0, 100, 200, 400, 800, 1600, 3000])
  t.ok(pauses.slice(7).every((pause) => pause === reopenMaxMs))
  t.strictSame(
    lines.map(({ event, fields }) => [event, fields]),
    [['link-not-open', { link: 'bus-1', code: 'no-device', message: 'no such file' }]],
  )
  t.strictSame(states, ['down no-device'])
  t.strictSame(link.write(bytes), { ok: false, code: 'no-device' })
  t.match(link.health(), { name: 'waiting', code: 'no-device' })
  port.answer = (events) => events.opened(port.channel())
  await time.runFor(reopenMaxMs)
  t.ok(link.isOpen())
  t.strictSame(states, ['down no-device', 'open open'])
})

await t.test('the pause has jitter of a half', async (t) => {
  t.equal(reopenPauseMs(0, 0), 50)
  t.equal(reopenPauseMs(0, 1), 100)
  t.equal(reopenPauseMs(1e6, 1), reopenMaxMs)
})

await t.test('a link that worked starts again at the first pause; one that only opens does not', async (t) => {
  const { link, port, time, last } = bench()
  link.start()
  for (let i = 0; i < 5; i++) {
    last().bytes(bytes)
    last().lost('device-gone', '')
    await time.runFor(100)
    t.ok(link.isOpen(), 'it brought bytes')
  }
  await time.runFor(10_000)
  last().lost('device-gone', '')
  await time.runFor(100)
  t.ok(link.isOpen(), 'it stayed open for long')
  for (const pauseMs of [200, 400, 800]) {
    last().lost('device-gone', '')
    await time.runFor(pauseMs - 1)
    t.notOk(link.isOpen())
    await time.runFor(1)
    t.ok(link.isOpen(), `after ${pauseMs} ms`)
  }
  t.equal(port.closed, 9, 'every lost channel was closed before the next was opened')
})

await t.test('an attempt that hangs is given up, and what it brings later is closed', async (t) => {
  const { link, port, time, states } = bench()
  port.answer = () => {}
  link.start()
  await time.runFor(openTimeoutMs)
  t.strictSame(states, ['down open-timeout'])
  t.equal(port.abandoned, 1)
  const [late] = port.attempts
  late?.events.opened(port.channel())
  late?.events.bytes(bytes)
  late?.events.lost('x', '')
  t.equal(port.closed, 1)
  t.notOk(link.isOpen())
  t.strictSame(states, ['down open-timeout'], 'nobody is told of a given-up attempt')
})

await t.test('lesson 21: a peer that takes requests and never answers is dropped and called again', async (t) => {
  const { link, port, time } = bench(60_000)
  link.start()
  const heard: Uint8Array[] = []
  link.onBytes((chunk) => heard.push(chunk))
  for (let i = 0; i < 59; i++) {
    t.strictSame(link.write(bytes), { ok: true })
    await time.runFor(1_000)
  }
  port.attempts[0]?.events.bytes(bytes)
  t.equal(heard.length, 1)
  for (let i = 0; i < 60; i++) {
    t.strictSame(link.write(bytes), { ok: true }, 'a byte came: its time begins anew')
    await time.runFor(1_000)
  }
  t.strictSame(link.write(bytes), { ok: false, code: 'stale' })
  t.notOk(link.isOpen())
  await time.runFor(200)
  t.equal(port.attempts.length, 2)
  for (let i = 0; i < 119; i++) {
    t.strictSame(link.write(bytes), { ok: true }, 'calling again did not help: the meters may be dead, it gets twice the time')
    await time.runFor(1_000)
  }
  await time.runFor(1_000)
  t.strictSame(link.write(bytes), { ok: false, code: 'stale' })
  for (let hours = 0; hours < 24; hours++)
    for (let i = 0; i < 3_600; i++) {
      link.write(bytes)
      await time.runFor(1_000)
    }
  t.ok(port.attempts.length < 35, `${port.attempts.length} connections in a day without any answer`)
})

await t.test('a channel that refuses a write is dropped', async (t) => {
  const { link, port, states } = bench()
  port.answer = (events) => events.opened({ ...port.channel(), write: () => ({ ok: false, code: 'peer-stuck' }) })
  link.start()
  t.strictSame(link.write(bytes), { ok: false, code: 'peer-stuck' })
  t.strictSame(states, ['open open', 'down peer-stuck'])
})

await t.test('closing ends whatever is under way', async (t) => {
  const { link, port, time, states, last } = bench()
  await link.close()
  link.start()
  await link.close()
  t.equal(port.closed, 1)
  t.strictSame(states, ['open open', 'down closed'])
  last().lost('late', '')
  link.start()
  last().lost('device-gone', '')
  await link.close()
  await time.runFor(60_000)
  t.equal(port.attempts.length, 2, 'no attempt after closing')
  port.answer = () => {}
  link.start()
  await link.close()
  t.equal(port.abandoned, 1)
  t.equal(time.pending, 0)
})

await t.test('lesson 20: a port that flaps does not fill the log', async (t) => {
  const { link, time, lines, last } = bench()
  link.start()
  for (let i = 0; i < 1_000; i++) {
    last().bytes(bytes)
    last().lost('device-gone', 'unplugged')
    await time.runFor(100)
  }
  t.ok(lines.length <= linkLogBurstMax + Math.ceil(100_000 / linkLogEveryMs), `${lines.length} lines for 1000 losses`)
  t.ok(
    lines.some(({ fields }) => typeof fields['leftOut'] === 'number' && fields['leftOut'] > 500),
    'the log says how many it left out',
  )
})

await t.test('modem lines are set where the channel has them, and nowhere else', async (t) => {
  const { link, port } = bench()
  t.strictSame(await link.setLines({ dtr: true, rts: false }), { ok: false, code: 'not-open' })
  link.start()
  t.strictSame(await link.setLines({ dtr: true, rts: false }), { ok: false, code: 'no-lines' }, 'a TCP connection')
  const set: unknown[] = []
  const setLines: Channel['setLines'] = (lines) => {
    set.push(lines)
    return Promise.resolve({ ok: true })
  }
  port.answer = (events) => events.opened({ ...port.channel(), setLines })
  const serial = bench()
  serial.port.answer = port.answer
  serial.link.start()
  t.strictSame(await serial.link.setLines({ dtr: true, rts: false }), { ok: true })
  t.strictSame(set, [{ dtr: true, rts: false }])
})

await t.test('a supervised link is opened anew when it is told so, and never for its silence', async (t) => {
  const { time, port, link, states } = bench(60_000)
  const { reopen } = link.supervise()
  reopen('module-silent')
  link.start()
  t.ok(link.write(Uint8Array.of(1)).ok)
  await time.runFor(3_600_000)
  t.ok(link.write(Uint8Array.of(1)).ok, 'silence alone says nothing')
  t.equal(port.attempts.length, 1)
  reopen('module-silent')
  await time.runFor(reopenMaxMs)
  t.equal(port.attempts.length, 2)
  t.strictSame(states, ['open open', 'down module-silent', 'open open'])
  const wire = bench(0)
  wire.link.start()
  wire.link.supervise().reopen('module-silent')
  t.ok(wire.link.isOpen(), 'a wire is there')
})
