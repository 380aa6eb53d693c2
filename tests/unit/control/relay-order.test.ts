import t from 'tap'
import { accountId, epochMs, keyId, meterId } from '../../../src/model/index.js'
import type { JournalledOrder, OrderStage, RelayCommand } from '../../../src/model/index.js'
import {
  attemptsMax,
  isRefusedAtOnce,
  pollDelaysMs,
  refuseRelayOrder,
  startRelayOrder,
  stepRelayOrder,
  unreadableDelayMsMax,
  unreadableReadsMax,
  type RelayInput,
  type RelayOrder,
} from '../../../src/control/relay-order.js'
import type { RelayOutcome, RelayState } from '../../../src/ports/index.js'

const now = epochMs(1_000_000)
const expiry = epochMs(2_000_000)
const after = epochMs(2_000_000)

const journalled = (stage: OrderStage = 'journalled', attempts = 0): JournalledOrder => ({
  id: 7,
  order: {
    origin: { by: 'rule', account: accountId('A1'), number: 1 },
    role: 'master',
    body: { kind: 'disconnect', meter: meterId('M1') },
    notBefore: epochMs(0),
    expiry,
  },
  stage,
  attempts,
  evidence: {},
})

const accepted: RelayOutcome = { kind: 'accepted', frame: '68', detail: ['direct-trip'] }
const lost: RelayOutcome = { kind: 'unknown', reason: 'no-reply' }
const state = (contact: 'closed' | 'open', command: 'close' | 'trip', bits = ''): RelayInput => ({
  kind: 'read',
  state: { kind: 'known', contact, command, alarm: bits.includes('a'), protected: bits.includes('p'), word: '0000' },
})
const silent: RelayState = {
  kind: 'unreadable',
  error: { code: 'no-reply', retry: 'later', errors: [], message: '', frame: null },
}
const unread: RelayInput = { kind: 'read', state: silent }

const start = (command: RelayCommand = 'trip', order = journalled()) => startRelayOrder(order, command, now)
const steps = (order: RelayOrder, ...inputs: RelayInput[]) =>
  inputs.reduce((before, input) => stepRelayOrder(before, input, now), order)
const sent = (outcome: RelayOutcome): RelayInput[] => [{ kind: 'committed' }, { kind: 'sent', outcome }]
const repeated = (input: RelayInput, times: number) => Array<RelayInput>(times).fill(input)
const ended = (order: RelayOrder) => (order.step.kind === 'finish' ? order.step.stage : order.step.kind)

await t.test('a trip is committed, sent once, read back and done', async (t) => {
  const first = start()
  t.same(first.step, { kind: 'commit' })
  const committed = steps(first, { kind: 'committed' })
  t.same(committed.step, { kind: 'send' })
  t.equal(committed.attempts, 1)
  const taken = steps(committed, { kind: 'sent', outcome: accepted })
  t.same(taken.step, { kind: 'read', afterMs: 300 }, '9C is no proof')
  t.match(steps(taken, state('open', 'trip')).step, {
    kind: 'finish',
    stage: 'done',
    relay: { contact: 'open', alarm: false, protected: false },
    evidence: { answer: 'accepted', frame: '68', detail: 'direct-trip', word: '0000', contact: 'open', command: 'trip' },
    needsSecurityChip: false,
  })
})

await t.test('an order past its time is not sent', async (t) => {
  t.match(startRelayOrder(journalled(), 'trip', after).step, { kind: 'finish', stage: 'expired', relay: null })
})

await t.test('a refusal ends it, and says whether the security chip is missing', async (t) => {
  const refused = (needsSecurityChip: boolean): RelayOutcome => ({
    kind: 'refused',
    errors: ['password'],
    needsSecurityChip,
    frame: '68',
  })
  t.match(steps(start(), ...sent(refused(false))).step, {
    kind: 'finish',
    stage: 'refused',
    needsSecurityChip: false,
    evidence: { errors: 'password' },
  })
  t.match(steps(start(), ...sent(refused(true))).step, { needsSecurityChip: true })
})

await t.test('a rule’s order to a meter that wants its chip is refused at once, a master’s may try', async (t) => {
  const rule = journalled().order.origin
  const master = { by: 'master', key: keyId('K'), number: 1 } as const
  t.equal(isRefusedAtOnce(rule, true), true)
  t.equal(isRefusedAtOnce(rule, false), false)
  t.equal(isRefusedAtOnce(master, true), false)
  t.match(refuseRelayOrder(start(), 'needs-security-chip', true).step, {
    stage: 'refused',
    needsSecurityChip: true,
    evidence: { reason: 'needs-security-chip' },
  })
})

await t.test('a delayed trip is polled, then done with a note', async (t) => {
  const polls = steps(start(), ...sent(accepted), ...repeated(state('closed', 'trip'), pollDelaysMs.length - 1))
  t.same(polls.step, { kind: 'read', afterMs: 10_000 })
  t.same(steps(polls, state('closed', 'close')).step, { kind: 'read', afterMs: 10_000 }, 'a word that wavers is read again')
  t.match(steps(polls, state('closed', 'trip')).step, {
    stage: 'done',
    evidence: { note: 'delayed by the meter' },
    relay: { contact: 'closed' },
  })
})

await t.test('a lost reply is unknown, told, and verified; acted is done', async (t) => {
  const unknown = steps(start(), ...sent(lost))
  t.match(unknown.step, { kind: 'tell-unknown', evidence: { answer: 'no-reply' } })
  const verifying = steps(unknown, { kind: 'told' })
  t.match(verifying.step, { kind: 'read' })
  t.equal(ended(steps(verifying, state('open', 'trip'))), 'done')
})

await t.test('only what is proven not to have acted is sent again, and not without end', async (t) => {
  const again: RelayInput[] = [...sent(lost), { kind: 'told' }, ...repeated(state('closed', 'close'), 2)]
  const second = steps(start(), ...again)
  t.same(second.step, { kind: 'commit' })
  t.equal(second.attempts, 1)
  const last = steps(second, ...again, ...again)
  t.equal(last.attempts, attemptsMax)
  t.match(last.step, { kind: 'finish', stage: 'failed', evidence: { reason: 'did-not-act' }, relay: { contact: 'closed' } })
  const late = steps(start(), ...again.slice(0, -1))
  t.match(stepRelayOrder(late, state('closed', 'close'), after).step, { stage: 'expired', relay: { contact: 'closed' } })
})

await t.test('an order that the meter took is given more time before it counts as not acted', async (t) => {
  const polls = steps(start(), ...sent(accepted), ...repeated(state('closed', 'close'), 4))
  t.match(polls.step, { kind: 'read' })
  t.same(steps(polls, state('closed', 'close')).step, { kind: 'commit' })
})

await t.test('after a restart what may have left is verified first', async (t) => {
  for (const stage of ['sending', 'unknown'] as const) {
    const order = start('trip', journalled(stage, 1))
    t.same(order.step, { kind: 'read', afterMs: 0 }, stage)
    t.equal(ended(steps(order, state('open', 'trip'))), 'done')
    t.same(steps(order, ...repeated(state('closed', 'close'), 2)).step, { kind: 'commit' })
  }
  for (const stage of ['done', 'refused', 'expired', 'failed'] as const) {
    t.same(start('trip', journalled(stage, 1)).step, { kind: 'drop' }, stage)
  }
})

await t.test('an order that was taken back is not sent', async (t) => {
  t.same(steps(start(), { kind: 'withdrawn' }).step, { kind: 'drop' }, 'the store has ended it')
  const second = steps(start(), ...sent(lost), { kind: 'told' }, ...repeated(state('closed', 'close'), 2))
  t.match(steps(second, { kind: 'withdrawn' }).step, { stage: 'expired', evidence: { withdrawn: true } })
})

await t.test('what never left is no attempt: it is tried again, unverified, until it expires', async (t) => {
  const unsent = sent({ kind: 'not-sent' })
  const waiting = steps(start(), ...unsent)
  t.match(waiting, { attempts: 0, step: { kind: 'wait', afterMs: 1000 }, evidence: { answer: 'not-sent' } })
  const again = steps(waiting, { kind: 'waited' })
  t.same(again.step, { kind: 'commit', again: true }, 'the journal counts it already')
  const often = steps(again, ...Array.from({ length: 20 }, () => [...unsent, { kind: 'waited' } as const]).flat(), ...unsent)
  t.match(often, { attempts: 0, step: { kind: 'wait', afterMs: 8000 } }, 'that did not act is never said of it')
  t.match(stepRelayOrder(often, { kind: 'waited' }, after), { attempts: 0, step: { stage: 'expired', relay: null } })
  t.match(
    steps(again, { kind: 'withdrawn' }).step,
    { stage: 'expired', evidence: { withdrawn: true } },
    'the store cannot end it any more',
  )
  const lostOnce = steps(often, { kind: 'waited' }, ...sent(lost))
  t.match(lostOnce, { attempts: 1, step: { kind: 'tell-unknown' } }, 'what may have left is verified')
  const proven = steps(lostOnce, { kind: 'told' }, ...repeated(state('closed', 'close'), 2))
  t.same(proven.step, { kind: 'commit' }, 'and then makes a new attempt')
})

await t.test('a meter that cannot be read back makes the outcome unknown, then unverifiable', async (t) => {
  const blind = steps(start(), ...sent(accepted), ...repeated(unread, 3))
  t.match(blind.step, { kind: 'tell-unknown', evidence: { readBack: 'no-reply' } })
  const told = steps(blind, { kind: 'told' }, ...repeated(unread, 10))
  t.same(told.step, { kind: 'read', afterMs: unreadableDelayMsMax })
  t.equal(ended(steps(told, state('open', 'trip'))), 'done', 'it may come back at any time')
  t.match(steps(told, ...repeated(unread, unreadableReadsMax - 13)).step, {
    stage: 'failed',
    evidence: { reason: 'unverifiable' },
    relay: null,
  })
})

await t.test('a permission is proven by the command bit; the contact waits for the button', async (t) => {
  const order = steps(start('permit-to-close'), ...sent(accepted))
  t.match(steps(order, state('open', 'close')).step, { stage: 'done', relay: { contact: 'open' } })
  t.match(steps(order, state('open', 'trip')).step, { kind: 'read' })
})

await t.test('alarm and protection are proven by their bits where the meter shows them', async (t) => {
  const bits: readonly [RelayCommand, string, string][] = [
    ['alarm-on', 'a', ''],
    ['alarm-off', '', 'a'],
    ['protect-on', 'p', ''],
    ['protect-off', '', 'p'],
  ]
  for (const [command, shown, other] of bits) {
    const order = steps(start(command), ...sent(accepted))
    t.equal(ended(steps(order, state('closed', 'close', shown))), 'done', command)
    const unseen = steps(order, ...repeated(state('closed', 'close', other), 5))
    t.match(unseen.step, { stage: 'done', evidence: { note: 'accepted, not shown in the status word' } })
    const dropped = steps(start(command), ...sent(lost), { kind: 'told' }, ...repeated(state('closed', 'close', other), 2))
    t.same(dropped.step, { kind: 'commit' }, 'without an answer it is sent again')
  }
})
