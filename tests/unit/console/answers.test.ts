import t from 'tap'
import type { ConsoleBackend } from '../../../src/console/backend.js'
import { gapsText } from '../../../src/console/commands/lists.js'
import { metersText, selfTestText, statusText } from '../../../src/console/commands/status.js'
import { eventsLookedMax, gapDaysMax } from '../../../src/console/lists.js'
import type { ConsoleCall } from '../../../src/console/protocol.js'
import { commitMsMax } from '../../../src/console/self-test.js'
import { dayMs, epochMs, keyId, linkId, masterId, meterAddress, meterId, monotonicMs } from '../../../src/model/index.js'
import type { EventRecord } from '../../../src/model/index.js'
import type { StoreHealth, UplinkState } from '../../../src/ports/index.js'
import {
  askConsole as ask,
  consoleNow,
  extentsUpTo as extents,
  fakeBackend,
  type FakeBackendOptions,
} from '../../helpers/console-backend.js'

const health: StoreHealth = {
  ...{ path: '/x', synchronous: 'FULL', schemaVersion: 1, fileBytes: 2 ** 21, pendingValues: 3, refusedValues: 0 },
  ...{ state: 'opened', moneySafe: true },
}
const noOrders = { orders: [] }

const link = (changes: Partial<ReturnType<ConsoleBackend['links']>[number]> = {}) => ({
  ...{ link: linkId('rs485-1'), url: 'tcp://127.0.0.1:7', driver: 'rs485', meters: 2, up: true, queued: 0, exchanges: 9 },
  ...{ replies: 8, silent: 1, garbled: 0, busyMs: 1, probeMs: 0, silentMeters: [] },
  ...changes,
})
const silentMeter = { meter: meterAddress('000000000001'), since: monotonicMs(0), nextProbe: monotonicMs(9) }
const uplink = (changes: Partial<UplinkState> = {}): UplinkState => ({
  ...{ master: masterId('hq'), state: 'online', broker: 'mqtt://b', since: consoleNow, lastError: null, outstandingBytes: 0 },
  marks: { event: 0, ledger: 0, result: 0, freeze: 0, status: 0, curve: 0 },
  reconnects: 0,
  ...changes,
})

const storeAnswers = {
  accounts: () => ({ accounts: [] }),
  health: () => ({ health }),
  extents: () => extents(10),
  cursors: () => ({ cursors: [{ stream: 'event' as const, upTo: 4 }] }),
  'open-orders': () => noOrders,
}
const collection = {
  ...{ waitsForClock: false, openSlots: 4, pointsWaiting: 0, pointsStored: 9, pointsRefused: 0 },
  days: [],
  meters: [{ meter: meterId('m1'), lastReplyAt: consoleNow, silent: true, clockDriftMs: -2600 }],
}

await t.test('status sums what the parts know', async (t) => {
  const day = epochMs(Date.UTC(2026, 2, 1, 16))
  const counts = { due: 10, first: 6, later: 1, missing: { 'no-reply': 2 } }
  const items = [
    { item: 'energy', ...counts },
    { item: 'status', ...counts },
  ] as never
  const latency = { count: 0, p50Ms: null, p95Ms: null, p99Ms: null }
  const sum = { due: 20, first: 12, later: 2, missing: { 'no-reply': 4 } } as const
  const total = { ...sum, oneShotPpm: 600_000, periodicPpm: 700_000 }
  const one = { medium: 'rs485', total, latency, items }
  const days = [{ day, total, links: [{ link: linkId('rs485-1'), ...one }], media: [one] }]
  const status = await ask(
    { ask: 'status' },
    {
      answers: storeAnswers,
      overrides: { links: () => [link()], uplink: () => [uplink()], collection: () => ({ ...collection, days }) },
    },
  )
  t.match(status, {
    ...{ concentrator: 'dcu-1', upSeconds: 3600, openOrders: 0, store: { freeBytes: 1_000_000_000 } },
    collection: { today: { due: 20, first: 12, later: 2, missing: { 'no-reply': 4 } } },
    uplink: [{ master: 'hq', waiting: 5 * 10 + 6 }],
  })
  const text = statusText(status).join('\n')
  t.match(text, /today 20 due, 12 at once, 2 later, 4 missing \(no-reply 4\); 4\s+slots\s+open/)
  t.match(text, /rs485-1 {2}up /)
  t.match(text, /hq {6}online {7}56/)
})

await t.test('a box in trouble says so', async (t) => {
  const status = await ask(
    { ask: 'status' },
    {
      answers: { ...storeAnswers, health: () => ({ health: { ...health, moneySafe: false, refusedValues: 7 } }) },
      overrides: {
        clock: () => ({ at: consoleNow, trusted: false, monotonic: monotonicMs(0), boot: 'b' }),
        links: () => [link({ up: false })],
        uplink: () => [uplink({ state: 'offline', lastError: 'ECONNREFUSED' })],
        collection: () => ({ ...collection, waitsForClock: true, pointsWaiting: 2, pointsRefused: 5 }),
        disk: () => ({ freeBytes: null, reserveBytes: 0, budgetBytes: 0 }),
      },
    },
  )
  const text = statusText(status).join('\n')
  for (const word of ['NOT TRUSTED', 'IN DOUBT', 'DOWN', 'hq: ECONNREFUSED', '7 values refused', 'WAITS FOR THE CLOCK']) {
    t.ok(text.includes(word), word)
  }
  const bare = await ask({ ask: 'status' }, { answers: storeAnswers })
  t.match(statusText(bare).join('\n'), /readings {2}not started[^]*no master is configured/)
})

await t.test('one of a kind is told in the singular', async (t) => {
  const one = { ...collection, openSlots: 1, pointsWaiting: 1, pointsRefused: 1 }
  const status = await ask(
    { ask: 'status' },
    {
      answers: { ...storeAnswers, health: () => ({ health: { ...health, refusedValues: 1 } }) },
      overrides: { collection: () => one },
    },
  )
  const text = statusText(status).join(' ').replace(/\s+/g, ' ')
  for (const words of ['; 1 slot open;', '1 point waits for the store', '1 point refused', ', 1 value refused']) {
    t.ok(text.includes(words), words)
  }
})

await t.test('meters say when they were heard last', async (t) => {
  const view = await ask({ ask: 'meters' }, { answers: storeAnswers, overrides: { collection: () => collection } })
  t.match(view.meters, [
    { meter: 'm1', silent: true, clockDriftMs: -2600 },
    { meter: 'm2', lastReplyAt: null, clockDriftMs: null },
  ])
  t.match(metersText(view).join('\n'), /m1 .* 03-02 10:00:00 {2}silent {3}-3 s\nm2 .*never .* -\n2 meters, 1 silent/)
})

const eventRow = (seq: number): EventRecord & { readonly seq: number } => ({
  ...{ seq, code: seq % 10 === 0 ? 'bus.down' : 'account.transition', severity: 'info', detail: {} },
  ...(seq % 3 === 0 ? { meter: meterId('m1') } : {}),
  stamp: { receivedAt: consoleNow, clockTrusted: true, boot: 'b', monotonicMs: seq },
})

await t.test('events are filtered over pages, up to a bound', async (t) => {
  let asked = 0
  const events = ({ count, before = 100_001 }: { readonly count: number; readonly before?: number }) => {
    asked++
    const first = Math.max(1, before - count)
    return { events: Array.from({ length: Math.max(0, before - first) }, (_, index) => eventRow(before - 1 - index)) }
  }
  const seqs = async (filter: Partial<Extract<ConsoleCall, { ask: 'events' }>>) =>
    (await ask({ ask: 'events', count: 3, ...filter }, { answers: { events } })).events.map(({ seq }) => seq)
  t.strictSame(await seqs({}), [100_000, 99_999, 99_998])
  t.strictSame(await seqs({ before: 3 }), [2, 1])
  t.strictSame(await seqs({ code: 'bus' }), [100_000, 99_990, 99_980])
  t.strictSame(await seqs({ code: 'bus.down', meter: 'm1' }), [99_990, 99_960, 99_930])
  t.strictSame(await seqs({ code: 'bus.dow' }), [])
  asked = 0
  t.strictSame(await seqs({ account: 'a1' }), [])
  t.equal(asked, eventsLookedMax / 1000)
  t.strictSame(await seqs({ account: 'a1', before: 500 }), [])
})

await t.test('gaps are asked day by day in the site’s time, until there are enough', async (t) => {
  const spans: { readonly from: number; readonly to: number; readonly meter?: string }[] = []
  const gap = { meter: meterId('m1'), task: 'quick' as never, slotAt: consoleNow, item: 'energy', reason: 'no-reply' }
  const options: FakeBackendOptions = {
    answers: {
      gaps: ({ count, ...span }) => {
        spans.push(span)
        return { gaps: Array.from({ length: Math.min(count, 2) }, () => gap) }
      },
      extents: () => extents(1),
      events: ({ before }) => ({ events: before === 2 ? [eventRow(1)] : [] }),
    },
  }
  const day = await ask({ ask: 'gaps', count: 10, day: '2026-03-01' }, options)
  const midnight = Date.UTC(2026, 1, 28, 16)
  t.strictSame(spans, [{ from: midnight, to: midnight + dayMs - 1 }])
  t.match(day, { from: midnight, gaps: [{ reason: 'no-reply' }, {}], more: false })
  spans.length = 0
  const recent = await ask({ ask: 'gaps', count: 3, meter: 'm1' }, options)
  t.strictSame(
    spans.map(({ from }) => from),
    [midnight, midnight + dayMs],
    'yesterday, and today so far',
  )
  t.equal(spans.at(-1)?.to, consoleNow)
  t.match(recent, { gaps: { length: 3 }, more: true })
  t.match(gapsText(recent).at(-2), /3 values are missing and more that are not listed/)
  t.match(gapsText({ ...recent, since: null, gaps: recent.gaps.slice(0, 1), more: false }).at(-1), /^1 value is missing from /)
  t.match(gapsText({ ...recent, since: null, gaps: [], more: false }), [/^no gaps from 2026-03-01 00:00:00 to/])
  t.equal(recent.since, consoleNow, 'when the first event was recorded')
  const began = (since: number | null) => gapsText({ ...recent, gaps: [], since: since as never })
  t.match(began(midnight + 7_200_000), [/^no gaps from /, 'the box began at 2026-03-01 02:00:00 and knows of nothing before'])
  t.match(began(consoleNow + 1), [/^nothing is known from /, /^the box began/])
  t.equal(began(midnight).length, 1)
  const cut = { ...extents(9), extents: [{ stream: 'event' as const, lo: 2, hi: 9 }] }
  const old = await ask({ ask: 'gaps', count: 3 }, { answers: { ...options.answers, extents: () => cut } })
  t.equal(old.since, null, 'its first event is gone')
  const none = await ask({ ask: 'gaps', count: 3 }, { answers: { ...options.answers, events: () => ({ events: [] }) } })
  t.equal(none.since, null)
  const from = consoleNow - 5 * dayMs
  spans.length = 0
  await ask({ ask: 'gaps', count: 1, from, to: from + 1000 }, options)
  t.strictSame(spans, [{ from, to: from + 1000 }])
  const spanOf = async (edges: { readonly from?: string | number; readonly to?: string | number; readonly day?: string }) => {
    const { from, to } = await ask({ ask: 'gaps', count: 1, ...edges }, options)
    return [from, to]
  }
  const march = (day: number, hour = 0, minute = 0): number => Date.UTC(2026, 2, day, hour - 8, minute)
  t.strictSame(
    await spanOf({ from: '2026-02-27', to: '2026-03-01' }),
    [march(-1), march(2) - 1],
    'whole days, in the site’s time',
  )
  t.strictSame(await spanOf({ from: '2026-03-01 06:00', to: '2026-03-01T07:30' }), [march(1, 6), march(1, 7, 30)])
  t.strictSame(await spanOf({ from: '2026-03-01T00:00:00Z' }), [Date.UTC(2026, 2, 1), consoleNow], 'no end: until now')
  t.strictSame(await spanOf({ to: '2026-02-20 06:00' }), [march(-9), march(-8, 6)], 'no beginning: from the day before on')
  t.strictSame(await spanOf({ to: '2026-02-20' }), [march(-9), march(-7) - 1])
  await t.rejects(spanOf({ from: '2026-03-02', to: '2026-03-01' }), /wrong-order from/)
  await t.rejects(spanOf({ from: '2026-03-03' }), /wrong-order from/)
  await t.rejects(spanOf({ from: '2026-01-01' }), /too-long from/)
  await t.rejects(spanOf({ day: '2026-03-01', from: '2026-03-01' }), /day-or-span day/)
  await t.rejects(spanOf({ to: '2026-02-30' }), /bad-time to/)
  await t.rejects(spanOf({ from: 'noon' }), /bad-time from/)
  await t.rejects(ask({ ask: 'gaps', count: 1, meter: 'm9' }, options), /unknown-meter/)
  await t.rejects(ask({ ask: 'gaps', count: 1, from: consoleNow - (gapDaysMax + 1) * dayMs }, options), /too-long/)
})

await t.test('whoever signs is told what to sign by', async (t) => {
  const parameters = fakeBackend().backend.site().parameters
  const keys = [{ id: keyId('anna'), role: 'technician' as const, publicKey: 'P' }]
  const answers: FakeBackendOptions['answers'] = {
    extents: () => ({ ...extents(1), counters: { anna: 41 } }),
    'stored-parameters': () => ({ sets: [{ name: 'tasks', version: 3, body: {} }] }),
  }
  const view = await ask({ ask: 'signer', publicKey: 'P' }, { parameters: { ...parameters, keys }, answers })
  t.match(view, { key: 'anna', role: 'technician', lastNumber: 41, concentrator: 'dcu-1', parameterVersions: { tasks: 3 } })
  await t.rejects(ask({ ask: 'signer', publicKey: 'Q' }, { parameters: { ...parameters, keys }, answers }), /unknown-key/)
})

await t.test('a self-test finds what is wrong, and its own commit is part of it', async (t) => {
  const noted: (readonly string[])[] = []
  const note = (ms: number) => (failed: readonly string[]) => {
    noted.push(failed)
    return Promise.resolve(ms)
  }
  const { parameters } = fakeBackend().backend.site()
  const site = { parameters, parameterHash: '', software: '', startedAt: monotonicMs(0), masters: 1 }
  const good: Partial<ConsoleBackend> = {
    ...{ links: () => [link()], uplink: () => [uplink()], collection: () => collection, noteSelfTest: note(3) },
    site: () => ({ ...site, withoutCredentials: [] }),
    loops: () => Promise.resolve([{ loop: 'store', turned: true }]),
  }
  const fine = await ask({ ask: 'self-test' }, { answers: storeAnswers, overrides: good })
  t.ok(fine.ok)
  t.strictSame(
    fine.checks.filter(({ result }) => result !== 'ok'),
    [],
  )
  t.equal(selfTestText(fine).at(-1), 'all is well')
  t.strictSame(noted, [[]])

  const bad = await ask(
    { ask: 'self-test' },
    {
      answers: {
        ...storeAnswers,
        health: () => ({ health: { ...health, synchronous: 'other', state: 'salvaged', refusedValues: 1, moneySafe: false } }),
      },
      overrides: {
        ...good,
        clock: () => ({ at: consoleNow, trusted: false, monotonic: monotonicMs(0), boot: 'b' }),
        links: () => [link({ up: false }), link({ link: linkId('b2'), silentMeters: [silentMeter, silentMeter] })],
        uplink: () => [uplink({ state: 'offline', lastError: 'ECONNREFUSED' })],
        collection: () => ({ ...collection, waitsForClock: true }),
        site: () => ({ ...site, withoutCredentials: ['m1', 'm2', 'm3', 'm4', 'm5', 'm6'].map(meterId) }),
        disk: () => ({ freeBytes: 10, reserveBytes: 100, budgetBytes: 0 }),
        loops: () => Promise.resolve([{ loop: 'store', turned: false }]),
        noteSelfTest: note(commitMsMax + 1),
      },
    },
  )
  t.notOk(bad.ok)
  const named = (wanted: string) => bad.checks.filter(({ result }) => result === wanted).map(({ check }) => check)
  t.strictSame(named('failed'), [
    ...['store', 'money safe', 'disk', 'link rs485-1', 'clock', 'collection', 'uplink hq', 'loop store', 'commit'],
  ])
  t.strictSame(named('warning'), ['store file', 'readings refused', 'meters of b2', 'relay credentials'])
  t.match(selfTestText(bad).join('\n'), /m5 and 1\s+more[^]*FAILED {3}uplink hq [^]*ECONNREFUSED[^]*something is wrong/)

  const starting = await ask(
    { ask: 'self-test' },
    {
      answers: storeAnswers,
      overrides: { noteSelfTest: note(1), disk: () => ({ freeBytes: null, reserveBytes: 0, budgetBytes: 0 }) },
    },
  )
  t.match(
    starting.checks.filter(({ result }) => result !== 'ok'),
    [{ check: 'collection' }, { check: 'uplink', result: 'warning' }],
  )
})

await t.test('an unknown meter, account or event is told', async (t) => {
  const answers: FakeBackendOptions['answers'] = { accounts: () => ({ accounts: [] }), events: () => ({ events: [] }) }
  await t.rejects(ask({ ask: 'read', meter: 'm9', registers: ['0'] }, {}), /unknown-meter meter/)
  await t.rejects(ask({ ask: 'read', meter: 'm1', registers: ['0'] }, {}), /held/)
  await t.rejects(ask({ ask: 'account', account: 'a9', entries: 1 }, { answers }), /unknown-account/)
  await t.rejects(ask({ ask: 'why', account: 'a9', count: 1 }, { answers }), /unknown-account/)
  await t.rejects(ask({ ask: 'event', seq: 3 }, { answers }), /unknown-event/)
  await t.rejects(ask({ ask: 'trace', link: 'b9', count: 3 }, {}), /unknown-link/)
})
