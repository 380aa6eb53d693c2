import t from 'tap'
import { columnsMax } from '../../../src/console/columns.js'
import { orderLines } from '../../../src/console/commands/lists.js'
import { eventSentence, guardText } from '../../../src/console/commands/why-events.js'
import { orderSentence } from '../../../src/console/commands/why-orders.js'
import { whyText } from '../../../src/console/commands/why.js'
import type { AccountFacts, Detail, OrderView, WhyLine } from '../../../src/console/views.js'
import { epochMs, guards, orderStages } from '../../../src/model/index.js'

const at = epochMs(Date.UTC(2026, 2, 1, 2))
const telling = { unit: 'yuan', utcOffsetMinutes: 480 }

const event = (code: string, detail: Detail): Extract<WhyLine, { line: 'event' }> => ({
  ...{ line: 'event', at, code, severity: 'info', clockTrusted: true, detail },
})
const said = (code: string, detail: Detail): string => eventSentence(event(code, detail), telling)

const moved = (from: string, to: string, cause: string, balance: string): Detail => ({
  ...{ from, to, cause, balance, reading: '123.450000', readingAt: at, alarm1: '20.000000', alarm2: '10.000000' },
  ...{ overdraft: '5.000000', closePermitted: '1.000000', entry: 7 },
})

await t.test('every transition tells the figures it was judged by', async (t) => {
  const of = (from: string, to: string, cause: string, balance = '8.200000') =>
    said('account.transition', moved(from, to, cause, balance))
  const proof = ' Reading 123.45 kWh of 2026-03-01 10:00:00; entry 7.'
  t.equal(
    of('normal', 'alarm1', 'balance'),
    `normal -> alarm1: the balance of 8.20 yuan is not above alarm 1 (20.00 yuan).${proof}`,
  )
  t.match(of('alarm1', 'alarm2', 'balance'), /is not above alarm 2 \(10\.00 yuan\)/)
  t.match(of('alarm1', 'normal', 'balance', '25.000000'), /25\.00 yuan is above alarm 1/)
  t.match(of('alarm2', 'overdrawn', 'balance', '-0.010000'), /-0\.01 yuan is not above zero/)
  t.match(of('disconnected', 'may-close', 'balance'), /above what closing asks for \(1\.00 yuan\): the customer may close/)
  t.match(of('overdrawn', 'disconnecting', 'balance-used-up', '-5.000000'), /used up \(overdraft 5\.00 yuan\) and no guard held/)
  t.match(of('disconnecting', 'disconnected', 'relay-open'), /read back open/)
  t.match(of('may-close', 'normal', 'relay-closed'), /read back closed/)
  t.match(of('disconnecting', 'overdrawn', 'trip-did-not-act'), /did not act/)
  t.match(of('disconnected', 'may-close', 'supply-protection'), /supply is protected/)
  t.match(of('normal', 'closed', 'order'), /^normal -> closed: order, the balance of 8\.20 yuan\./)
  t.match(of('normal', 'elsewhere', 'balance'), /8\.20 yuan decided/, 'a state of a later version')
})

await t.test('every guard that held is told in words, with the facts it held by', async (t) => {
  const held = {
    before: 'none',
    balance: '-6.000000',
    readingAt: at,
    readingAgeMs: 2_700_000,
    relay: 'closed',
    relayProblem: null,
  }
  for (const guard of guards) {
    const text = said('account.cut-held', { ...held, guards: guard })
    t.ok(text.includes(guardText(guard)), guard)
    t.not(guardText(guard), guard, `${guard} has words of its own`)
  }
  t.equal(
    said('account.cut-held', { ...held, guards: 'clock-untrusted,reading-stale' }),
    'A cut is due and was not made, for the clock is not trusted; the last reading is too old ' +
      '(balance -6.00 yuan, last reading of 2026-03-01 10:00:00, 00:45:00 old, relay closed).',
  )
  t.match(said('account.cut-held', { ...held, guards: 'none', before: 'reading-stale' }), /^Nothing holds a cut any more/)
  t.equal(guardText('a-guard-of-tomorrow'), 'a-guard-of-tomorrow')
})

await t.test('all that may happen to an account has its sentence', async (t) => {
  const detail: Detail = {
    ...{ meter: 'm1', unit: 'money', tariff: 'home', reading: '5.000000', readingAt: at, on: true, until: null, state: 'normal' },
    ...{ before: 'closed', problem: 'needs-security-chip', command: 'trip', energy: '0.020000', reason: 'register-decreased' },
    ...{ stopped: 'register-decreased', message: 'wrong unit', entry: 3, why: 'decreased', raw: '1.000000' },
  }
  const codes = [
    ...['opened', 'first-reading', 'protection', 'relay-open', 'relay-problem', 'energy-through-open-relay', 'reading-suspect'],
    ...[
      'reading-cleared',
      'pricing-stopped',
      'pricing-resumed',
      'register-wrapped',
      'reading-unusable',
      'unverified',
      'verified',
    ],
    ...['diverged'],
  ].map((name) => `account.${name}`)
  for (const code of [...codes, 'order.refused']) {
    const text = said(code, code === 'order.refused' ? { ...detail, origin: 'key:anna' } : detail)
    t.match(text, /^[A-Z\d].*\.$/s, code)
    t.notMatch(text, /undefined|null|\[object|key:/, code)
  }
  t.match(said('account.protection', { on: true, cause: 'order', until: at }), /until 2026-03-01 10:00:00/)
  t.match(said('account.protection', { on: false, cause: 'time-over', until: at }), /its time was over/)
  t.match(said('account.protection', { on: false, cause: 'order', until: null }), /ended by order/)
  t.match(said('account.relay-problem', { problem: 'refused', before: 'none', command: 'trip' }), /leave it alone for a day/)
  t.match(said('account.relay-problem', { problem: 'none', before: 'refused', command: 'trip' }), /takes orders again/)
  t.match(said('account.transition', { readingAt: 'then', cause: 'x' }), /of then;/, 'a time that is no instant stands as it is')
})

await t.test('what a later version tells is shown with its fields', async (t) => {
  t.equal(
    said('account.moonlit', { startedAt: at, amount: '2.000000', count: 3, at: 12, lost: null, empty: '', ok: true }),
    'account.moonlit: startedAt 2026-03-01 10:00:00, amount 2.00, count 3, at 12, lost none, empty none, ok true',
  )
})

const order = (changes: Partial<OrderView>): OrderView => ({
  ...{ order: 12, by: 'rule', origin: 'a1', number: 3, kind: 'disconnect', meter: 'm1', account: null, says: {}, stage: 'done' },
  ...{
    attempts: 1,
    evidence: { contact: 'open', word: '0050' },
    verifiedAfterRestart: false,
    at,
    notBefore: at,
    expiry: at,
    ...changes,
  },
})

await t.test('orders tell who asked, what became of them and what proves it', async (t) => {
  t.equal(
    orderSentence(order({}), telling),
    'Order 12: the rules ordered disconnect: done after 1 attempt. Evidence: contact open, word 0050.',
  )
  const credit = order({ by: 'master', origin: 'hq-1', kind: 'credit', says: { amount: '50.000000' }, attempts: 0, evidence: {} })
  t.equal(orderSentence(credit, telling), 'Order 12: master key hq-1 (its number 3) ordered credit (amount 50.00): done.')
  t.match(
    orderSentence(order({ by: 'console', origin: 'anna', attempts: 2 }), telling),
    /key anna at the console .* after 2 attempts/,
  )
  for (const stage of orderStages) t.match(orderSentence(order({ stage }), telling), /ordered disconnect: \S/, stage)
  const late = order({ verifiedAfterRestart: true })
  t.match(
    orderSentence(late, telling),
    /: done after 1 attempt, verified after a restart by reading the meter\. Evidence: contact open/,
  )
  t.match(
    orderLines(late, 480).join(' ').replace(/\s+/g, ' '),
    / done, verified after a restart by reading the meter contact open/,
  )
  const blind = order({ verifiedAfterRestart: true, stage: 'failed', evidence: { readBack: 'no-reply', reason: 'unverifiable' } })
  t.match(orderSentence(blind, telling), /: failed after 1 attempt, which could not be verified after a restart\./)
  const takenBack = order({ stage: 'expired', evidence: { withdrawn: true } })
  t.match(orderSentence(takenBack, telling), /taken back before it was sent/)
})

const account: AccountFacts = {
  ...{ account: 'a1', meter: 'm1', unit: 'money', state: 'normal', balance: '12.000000', heldBy: [], lastReadingAt: at },
  ...{ verified: true, tariff: 'home', openedAt: at, posted: '12.000000', limits: {}, alarmOn: false, protected: false },
  postedTo: { at, reading: '5.000000', source: 'live' },
  relay: { contact: 'closed', at, problem: null, permitted: false },
  ...{ protectedUntil: null, pricingStopped: null, purchaseCount: 0, entryCount: 1, chainHash: 'c' },
}

await t.test('the story ends with where the account stands, newest last, in 80 columns', async (t) => {
  const lines: WhyLine[] = [
    { ...event('account.transition', moved('normal', 'alarm1', 'balance', '8.200000')), clockTrusted: false },
    { line: 'order', ...order({}) },
  ]
  const text = whyText({ utcOffsetMinutes: 480, account, lines })
  t.match(text[0], /^account a1, meter m1$/)
  t.match(text[1], /^2026-03-01 10:00:00 {2}normal -> alarm1: /)
  t.match(text.join(' ').replace(/\s+/g, ' '), /\(The clock was not trusted then\.\) 2026-03-01 10:00:00 Order 12/)
  t.match(text.at(-2), /^now {18}State normal; balance 12\.00 yuan/)
  t.ok(text.every((line) => line.length <= columnsMax))
  const stuck = {
    ...account,
    heldBy: ['clock-untrusted'],
    verified: false,
    pricingStopped: { reason: 'register-jumped', at },
    unit: 'energy' as const,
  }
  const now = whyText({ utcOffsetMinutes: 480, account: stuck, lines: [] }).join(' ').replace(/\s+/g, ' ')
  t.match(
    now,
    /Nothing is recorded of it\..*12\.00 kWh.*held by: clock-untrusted\..*unverified.*Pricing is stopped: register-jumped\./,
  )
})
