import { join } from 'node:path'
import t, { type Test } from 'tap'
import { answerer } from '../../src/console/answers.js'
import { accountsText, accountText } from '../../src/console/commands/account.js'
import { orderLines } from '../../src/console/commands/lists.js'
import { decodeLines } from '../../src/console/commands/trace.js'
import { whyText } from '../../src/console/commands/why.js'
import { addressOf, frameDecoders } from '../../src/console/decoders.js'
import type { ConsoleCall } from '../../src/console/protocol.js'
import type { ConsoleAnswers } from '../../src/console/views.js'
import { accountId, dayMs, micro, type AccountLimits } from '../../src/model/index.js'
import { settingsChecks } from '../../src/registry.js'
import { createConsoleBackend } from '../../src/runtime/console-backend.js'
import { loadSettings } from '../../src/settings/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

const startsAt = Date.UTC(2026, 5, 1, 4, 0, 0)
const minutes = 60_000
const yuan = (amount: number) => micro(BigInt(Math.round(amount * 1_000_000)))
const limits: AccountLimits = {
  ...{ alarm1: yuan(5), alarm2: yuan(2), overdraft: yuan(0), closePermitted: yuan(1), hoarding: yuan(0), largestCredit: yuan(0) },
}

type Ask = <C extends ConsoleCall>(call: C) => Promise<ConsoleAnswers[C['ask']]>

/** The console of the process that runs now. */
function consoleOf(site: WholeRuntime): Ask {
  const settings = loadSettings(join(site.folder, 'wattkeep.yaml'), settingsChecks)
  if (!settings.ok) throw new Error('the site does not hold')
  const { daemon, store, time } = site
  const backend = createConsoleBackend({ daemon, settings: settings.value, store, clock: time, timers: time })
  const { answer } = answerer({ backend, addressOf })
  return async (call) => {
    const result = await answer(call)
    if (!result.ok) throw new Error(`${call.ask}: ${result.error.code}: ${result.error.message}`)
    return result.value as ConsoleAnswers[(typeof call)['ask']]
  }
}

async function bench(t: Test) {
  const site = new WholeRuntime({
    area: { seed: 4, buses: 1, metersPerBus: 3, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: 3 * dayMs },
    extra: ['rules: { blocked: { night: null, weekdays: [], dates: [] } }'],
    seed: 4,
  })
  t.teardown(() => site.remove())
  await site.start()
  const ask = consoleOf(site)
  await site.time.runFor(20 * minutes)
  const meter = site.area.archive[0]
  if (meter === undefined) throw new Error('the area has no meter')
  return { site, ask, meter }
}

await t.test('why was I cut, why not yet: both are one answer, with the figures and the frames', async (t) => {
  const { site, ask, meter } = await bench(t)
  const account = accountId('A1')
  const open = {
    kind: 'open-account',
    account,
    meter: meter.id,
    unit: 'money',
    tariff: 'residential',
    limits,
    opening: yuan(3),
  } as const
  t.match(await site.order(open), { accepted: true })
  t.match(await site.order({ kind: 'protect', meter: meter.id, on: true, until: null }), { accepted: true })
  site.area.setWatts(meter.id, 6000)
  await site.time.runFor(90 * minutes)
  const held = await ask({ ask: 'why', account, count: 200 })
  t.match(held.account, { state: 'overdrawn', heldBy: ['supply-protection'], protected: true })
  const words = (view: ConsoleAnswers['why']): string =>
    whyText(view)
      .join('\n')
      .replace(/\n {2,}/g, ' ')
  t.match(words(held), /Supply is protected without end: nothing cuts it/)
  t.match(words(held), /A cut is due and was not made, for supply is protected \(balance -/)
  t.match(words(held), /now {18}State overdrawn; balance -[\d.]+ yuan/)

  t.match(await site.order({ kind: 'protect', meter: meter.id, on: false, until: null }), { accepted: true })
  await site.time.runFor(20 * minutes)
  const cut = await ask({ ask: 'why', account, count: 200 })
  const story = words(cut)
  t.equal(cut.account.state, 'disconnected')
  const places = [
    /alarm1 -> alarm2|-> alarm2/,
    /-> overdrawn/,
    /was not made/,
    /-> disconnecting/,
    /the rules ordered disconnect: done/,
  ]
  const found = places.map((place) => story.search(place))
  t.notOk(found.includes(-1), 'each is told')
  t.strictSame(
    [...found].sort((a, b) => a - b),
    found,
    'oldest first',
  )
  t.match(story, /the rules ordered disconnect: done after 1 attempt\. Evidence: [^.]*contact open/)
  t.match(accountText(await ask({ ask: 'account', account: meter.id, entries: 5 })).join('\n'), /relay +open since/)
  t.match(accountsText(await ask({ ask: 'accounts' })).join('\n'), /A1 .* disconnected +-/)

  await t.test('two commands lead from the alarm to the raw frame', async (t) => {
    const { events } = await ask({ ask: 'events', count: 200, account, code: 'account.transition' })
    const alarm = events.find(({ detail }) => detail['to'] === 'disconnecting')
    const { frames, link } = await ask({ ask: 'event', seq: alarm?.seq ?? 0 })
    t.equal(link, meter.link)
    const decoded = decodeLines(frames, frameDecoders).filter(({ direction }) => direction === 'in')
    t.ok(decoded.length > 0)
    t.ok(decoded.every((line) => line.decoded?.ok === true && line.decoded['address'] === meter.address))
    const reading = String(alarm?.detail['reading']).replace(/0+$/, '')
    t.ok(
      decoded.some((line) => JSON.stringify(line.decoded?.['values']).includes(reading)),
      `${reading} kWh stands in the frame`,
    )
    await site.time.runFor(3 * 60 * minutes)
    t.strictSame(
      (await ask({ ask: 'event', seq: alarm?.seq ?? 0 })).frames.map(({ hex }) => hex),
      frames.map(({ hex }) => hex),
      'hours later',
    )
  })

  await t.test('after a restart the record says the same; only the frames are gone', async (t) => {
    const before = words(await ask({ ask: 'why', account, count: 200 }))
    await site.stop()
    await site.start()
    const anew = consoleOf(site)
    await site.time.runFor(minutes)
    const after = words(await anew({ ask: 'why', account, count: 200 }))
    t.equal(after.split('\nnow')[0], before.split('\nnow')[0])
    const { events } = await anew({ ask: 'events', count: 1, account })
    t.match(await anew({ ask: 'event', seq: events[0]?.seq ?? 0 }), { frames: [], note: /before the last restart/ })
    await site.stop()
  })
})

await t.test('an order whose sender did not live to see its end is verified after the restart, and that is told', async (t) => {
  const { site, ask, meter } = await bench(t)
  const given = await site.order({ kind: 'disconnect', meter: meter.id })
  const id = given.accepted ? given.id : 0
  while ((await ask({ ask: 'order', id })).stage === 'journalled') await site.time.runFor(10)
  t.match(await ask({ ask: 'order', id }), { stage: 'sending', attempts: 1, verifiedAfterRestart: false })
  await site.stop()
  await site.start()
  const anew = consoleOf(site)
  await site.time.runFor(minutes)
  const order = await anew({ ask: 'order', id })
  t.match(order, { stage: 'done', attempts: 1, verifiedAfterRestart: true, evidence: { contact: 'open' } })
  t.match(orderLines(order, 480).join(' ').replace(/\s+/g, ' '), /done, verified after a restart by reading the meter/)
  const other = await site.order({ kind: 'alarm', meter: meter.id, on: true })
  await site.time.runFor(minutes)
  t.match(await anew({ ask: 'order', id: other.accepted ? other.id : 0 }), { stage: 'done', verifiedAfterRestart: false })
  await site.stop()
})

await t.test('every missing value has its reason: gaps of a meter that died', async (t) => {
  const { site, ask, meter } = await bench(t)
  site.area.meter(meter.id).setDead(true)
  await site.time.runFor(2 * dayMs)
  const { gaps } = await ask({ ask: 'gaps', day: '2026-06-02', meter: meter.id, count: 1000 })
  t.ok(gaps.length > 0)
  t.ok(gaps.every(({ reason }) => reason === 'no-reply'))
  const other = await ask({ ask: 'gaps', day: '2026-06-02', meter: site.area.archive[1]?.id ?? '', count: 1000 })
  t.strictSame(other.gaps, [])
  const { meters } = await ask({ ask: 'meters' })
  t.match(meters, [{ meter: meter.id, silent: true }, { silent: false }])
  const status = await ask({ ask: 'status' })
  t.match(status.links, [{ link: 'bus1', silentMeters: 1 }])
  const test = ask({ ask: 'self-test' })
  await site.time.runFor(10_000)
  t.match(
    (await test).checks.find(({ check }) => check === 'meters of bus1'),
    { result: 'ok', detail: '1 of 3 silent' },
  )
  await site.stop()
})
