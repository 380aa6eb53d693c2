import t from 'tap'
import type { ConsoleBackend } from '../../../src/console/backend.js'
import { columnsMax } from '../../../src/console/columns.js'
import { decodeLines, eventsText, eventText, traceHead, traceText } from '../../../src/console/commands/trace.js'
import { addressOf, frameDecoders } from '../../../src/console/decoders.js'
import { exchangesOf, latestWith } from '../../../src/console/exchanges.js'
import { eventsKeptMax, FrameKeeper } from '../../../src/console/kept-frames.js'
import type { EventView, FrameLine } from '../../../src/console/views.js'
import { epochMs, linkId, meterAddress, meterId, monotonicMs } from '../../../src/model/index.js'
import type { EventRecord } from '../../../src/model/index.js'
import type { TraceLine } from '../../../src/ports/index.js'
import { encodeReply, encodeRequest } from '../../../src/protocols/dlt645/index.js'
import { consoleNow, fakeBackend } from '../../helpers/console-backend.js'

const first = '000000000001'
const second = '000000000002'
const none = new Uint8Array(0)

const line = (at: number, direction: TraceLine['direction'], bytes: Uint8Array, note = ''): TraceLine => ({
  ...{ at: monotonicMs(at), direction, bytes, note },
})
const request = (address: string) => encodeRequest(address, { fn: 'read', di: '02010100', load: null })
const reply = (address: string) =>
  encodeReply(address, { kind: 'reply', fn: 'read', di: '02010100', data: Uint8Array.of(0x31, 0x22), more: false })

const exchange = (at: number, address: string): readonly TraceLine[] => [
  line(at, 'out', request(address)),
  line(at + 60, 'in', reply(address)),
]

await t.test('a trace is cut at its requests', async (t) => {
  const trace = [
    line(1, 'noise', Uint8Array.of(1, 2, 3), 'unasked'),
    ...exchange(10, first),
    line(80, 'out', none, '24 bytes, credentials not shown'),
    line(140, 'in', reply(second)),
    line(150, 'state', none, 'down: peer-closed'),
  ]
  const exchanges = exchangesOf(trace, addressOf)
  t.match(exchanges, [
    { startedAt: 10, addresses: new Set([first]), lines: { length: 2 } },
    { startedAt: 80, addresses: new Set([second]), lines: { length: 3 } },
  ])
  t.equal(exchanges.length, 2, 'what came before the first request belongs to none')
  const many = [10, 100, 200, 300].flatMap((at) => [...exchange(at, first), ...exchange(at + 50, second)])
  const latest = latestWith(exchangesOf(many, addressOf), meterAddress(first), { before: 210, count: 2 })
  t.strictSame(
    latest.map(({ startedAt }) => startedAt),
    [100, 200],
  )
  t.equal(addressOf(Uint8Array.of(1, 2, 3)), null)
})

type Row = EventRecord & { readonly seq: number }

const event = (seq: number, monotonic: number, changes: Partial<Row> = {}): Row => ({
  ...{ seq, code: 'account.transition', severity: 'warning', meter: meterId('m1'), detail: { to: 'alarm1' } },
  stamp: { receivedAt: consoleNow, clockTrusted: true, boot: 'boot-1', monotonicMs: monotonic },
  ...changes,
})

/** A backend whose events and trace the test changes under way. */
function bench() {
  const held: Row[] = []
  let trace: readonly TraceLine[] = []
  let queries = 0
  const overrides: Partial<ConsoleBackend> = { trace: (link) => (link === linkId('rs485-1') ? trace : null) }
  const { backend, told } = fakeBackend({
    overrides,
    answers: {
      events: ({ count, before = Infinity }) => {
        queries++
        return {
          events: held
            .filter(({ seq }) => seq < before)
            .slice(-count)
            .reverse(),
        }
      },
    },
  })
  const keeper = new FrameKeeper(backend, addressOf)
  return {
    keeper,
    setTrace: (lines: readonly TraceLine[]) => void (trace = lines),
    queries: () => queries,
    /** Commits events as the store does, and lets what follows happen. */
    commit: async (...events: readonly Row[]) => {
      held.push(...events)
      told([{ stream: 'event', hi: held.at(-1)?.seq ?? 0 }])
      await new Promise((resolve) => setImmediate(resolve))
    },
    tell: told,
  }
}

await t.test('the frames behind an event are kept when it is told, whatever the trace forgets later', async (t) => {
  const { keeper, setTrace, commit } = bench()
  setTrace([...exchange(10, second), ...exchange(100, first), ...exchange(200, second)])
  const alarm = event(1, 190)
  await commit(alarm)
  setTrace(exchange(90_000, second))
  const kept = keeper.of(alarm)
  t.equal(kept?.link, 'rs485-1')
  t.strictSame(
    kept?.lines.map(({ at }) => at),
    [100, 160],
  )
  t.equal(keeper.of(event(2, 95_000)), null, 'an event without an exchange of its meter')
})

await t.test('an event of this boot that was not kept is looked up in the trace; one of an earlier boot is not', async (t) => {
  const { keeper, setTrace } = bench()
  setTrace(exchange(100, first))
  const old = event(7, 190, { stamp: { receivedAt: consoleNow, clockTrusted: true, boot: 'boot-0', monotonicMs: 190 } })
  t.match(keeper.of(event(8, 190)), { lines: { length: 2 } })
  t.equal(keeper.of(event(9, 50)), null, 'the exchange began after it')
  t.equal(keeper.of(old), null)
})

await t.test('events of a link show what became of it; others have no frames', async (t) => {
  const { keeper, setTrace, commit } = bench()
  setTrace([
    line(1, 'state', none, 'up'),
    ...exchange(10, first),
    line(70, 'state', none, 'silent'),
    line(90, 'state', none, 'down: closed'),
  ])
  const { meter: _, ...linkEvent } = event(1, 95, { link: linkId('rs485-1') })
  const { meter: __, ...other } = event(2, 96)
  await commit(linkEvent, other, event(3, 97, { meter: meterId('gone') }))
  t.strictSame(
    keeper.of(linkEvent)?.lines.map(({ note }) => note),
    ['up', 'down: closed'],
  )
  t.equal(keeper.of(other), null)
  t.equal(keeper.of(event(4, 97, { meter: meterId('gone') })), null)
  t.equal(keeper.of({ ...linkEvent, seq: 9, link: linkId('rs485-9') }), null, 'a link that is gone')
})

await t.test('memory is bounded, bursts are cut, and a closed keeper is quiet', async (t) => {
  const { keeper, setTrace, commit, queries, tell } = bench()
  setTrace(exchange(100, first))
  for (let seq = 1; seq <= eventsKeptMax + 5; seq++) await commit(event(seq, 190))
  setTrace([])
  t.equal(keeper.of(event(1, 190)), null, 'the oldest went')
  t.ok(keeper.of(event(eventsKeptMax + 5, 190)))
  const before = queries()
  tell([{ stream: 'curve', hi: 5 }])
  keeper.close()
  tell([{ stream: 'event', hi: 10_000 }])
  t.equal(queries(), before)
})

await t.test('a store that fails an answer loses frames, nothing else', async (t) => {
  const { backend, told } = fakeBackend()
  const keeper = new FrameKeeper(backend, addressOf)
  told([{ stream: 'event', hi: 1 }])
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(keeper.of(event(1, 10)), null)
})

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase()
const shown = (at: number, direction: FrameLine['direction'], bytes: Uint8Array, note = ''): FrameLine => ({
  ...{ monotonicMs: at, at: epochMs(Date.UTC(2026, 2, 1, 0, 0, 0) + at), direction, hex: hexOf(bytes), note },
})

await t.test('a trace shows bytes and below them what they say', async (t) => {
  const word = { kind: 'reply', fn: 'read', di: '04000503', data: Uint8Array.of(0x50, 0), more: false } as const
  const status = encodeReply(first, word)
  const lines = [
    shown(5, 'out', request(first)),
    shown(65, 'in', reply(first)),
    shown(70, 'noise', Uint8Array.of(0xff), 'after the reply'),
    shown(80, 'state', none, 'silent'),
    shown(90, 'out', none, '24 bytes, credentials not shown'),
    shown(95, 'echo', Uint8Array.of(1, 2)),
    shown(99, 'in', status),
  ]
  const text = traceText(lines, 480, frameDecoders)
  t.match(text.join(' ').replace(/\s+/g, ' '), /reply 000000000001 91 DI 04000503: 0050 \(relay-open relay-command-trip\)$/)
  t.match(decodeLines(lines, frameDecoders).at(-1)?.decoded, { values: [{ value: '0050' }] })
  t.notMatch(JSON.stringify(decodeLines(lines, frameDecoders)), /relay-open/, 'data are as they were')
  t.match(decodeLines(lines, frameDecoders), [{ decoded: { ok: true } }, { decoded: { ok: true } }, { decoded: null }])
  t.match(text[0], /^08:00:00\.005 {2}out {4}(FE)*68/)
  t.ok(text.some((each) => /^ +dlt645-2007 reply 000000000001 91 DI 02010100: 223\.1 V$/.test(each)))
  t.ok(text.includes('08:00:00.070  noise  FF (after the reply)'))
  t.ok(text.includes('08:00:00.080  state  (silent)'))
  t.ok(text.includes('08:00:00.090  out    (24 bytes, credentials not shown)'))
  t.ok(
    text.some((each) => each.includes('bad frame')),
    'an echo that is no frame',
  )
  t.ok(text.every((each) => each.length <= columnsMax))
  t.equal(traceHead({ utcOffsetMinutes: 0, link: 'bus1', up: false, lines: [] }), 'link bus1 is DOWN')
})

await t.test('events read like a log; one of them leads to its frames', async (t) => {
  const { meter: _, ...ofLink } = event(4, 10, { code: 'bus.down', severity: 'alarm', link: linkId('bus1'), detail: {} })
  const stamp = { receivedAt: consoleNow, clockTrusted: false, boot: 'b', monotonicMs: 1 }
  const events: readonly EventView[] = [event(5, 10, { stamp }), ofLink]
  t.strictSame(eventsText({ utcOffsetMinutes: 480, events }), [
    '     4  03-02 10:00:00  ALARM  bus.down bus1',
    '     5  03-02 10:00:00  warn   account.transition m1 (clock not trusted)',
    '           to alarm1',
  ])
  t.strictSame(eventsText({ utcOffsetMinutes: 480, events: [] }), ['no events'])
  const view = {
    utcOffsetMinutes: 480,
    event: event(5, 10),
    link: 'bus1',
    frames: [],
    note: 'it was told before the last restart',
  }
  t.equal(eventText(view, frameDecoders).at(-1), 'no frames: it was told before the last restart')
  const framed = eventText({ ...view, frames: [shown(5, 'out', request(first))] }, frameDecoders)
  t.ok(framed.includes('frames on link bus1 before it:'))
  t.match(framed.at(-1), /request 000000000001/)
})
