import t from 'tap'
import { AccountCase, at, yuan } from '../../helpers/prepaid-case.js'

/** Register at opening 100; 0.60 a kWh. */
const opened = (opening: string, options: ConstructorParameters<typeof AccountCase>[0] = {}) => {
  const story = new AccountCase({ opening, ...options })
  story.relay('closed')
  return story
}
/** What was wanted but for the meter's alarm. */
const supply = (story: AccountCase) => story.wanted.filter((command) => command !== 'alarm-on')
const path = (story: AccountCase) =>
  story.events.flatMap(({ code, detail }) => (code === 'account.transition' ? [`${detail['to']} ${detail['cause']}`] : []))

await t.test('a balance falls through the alarms to the cut, is paid, permitted and closed by hand', async (t) => {
  const story = opened('11')
  story.read('101', '2026-03-02 09:30')
  t.equal(story.balance, yuan('10.4'))
  story.read('102', '2026-03-02 09:45')
  t.equal(story.state, 'alarm1')
  t.same(story.wanted, ['alarm-on'])
  story.finish('alarm-on', 'done')
  story.read('110', '2026-03-02 10:45')
  t.equal(story.state, 'alarm2')
  story.read('118.3', '2026-03-02 11:45')
  t.equal(story.state, 'alarm2')
  story.read('118.4', '2026-03-02 11:50')
  t.equal(story.state, 'disconnecting')
  t.same(story.wanted, ['alarm-on', 'trip'])
  story.finish('trip', 'done', 'open')
  t.equal(story.state, 'disconnected')
  t.equal(story.credit('20').accepted, true)
  t.equal(story.state, 'may-close')
  t.same(story.wanted, ['alarm-on', 'trip', 'permit-to-close'])
  story.finish('permit-to-close', 'done', 'open')
  t.equal(story.account.relay.permitted, true)
  t.equal(story.state, 'may-close', 'the customer has not pressed the button')
  story.now('2026-03-02 12:30')
  story.relay('closed')
  t.equal(story.state, 'normal')
  t.same(story.wanted.at(-1), 'alarm-off')
  t.same(path(story), [
    'alarm1 balance',
    'alarm2 balance',
    'overdrawn balance',
    'disconnecting balance-used-up',
    'disconnected relay-open',
    'may-close balance',
    'normal relay-closed',
  ])
  t.same(story.faults(), [])
})

await t.test('a transition tells everything that led to it, and posts up to its reading first', async (t) => {
  const story = opened('11')
  story.read('102', '2026-03-02 09:45')
  t.same(story.kinds, ['open', 'charge'])
  const event = story.events.find((candidate) => candidate.code === 'account.transition')
  t.same(event?.detail, {
    from: 'normal',
    to: 'alarm1',
    cause: 'balance',
    balance: '9.800000',
    reading: '102.000000',
    readingAt: at('2026-03-02 09:45'),
    alarm1: '10.000000',
    alarm2: '5.000000',
    overdraft: '0.000000',
    closePermitted: '0.000000',
    entry: 2,
  })
})

await t.test('an overdraft is used before the cut', async (t) => {
  const story = opened('0.6', { limits: { overdraft: yuan('3') } })
  story.read('101', '2026-03-02 09:30')
  t.equal(story.state, 'overdrawn')
  t.same(story.account.heldBy, [])
  story.read('106', '2026-03-02 10:00')
  t.equal(story.state, 'disconnecting')
})

await t.test('a credit while the cut is under way takes it back', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  t.equal(story.state, 'disconnecting')
  story.credit('20')
  t.same(story.withdrawn, ['trip'])
  t.equal(story.state, 'may-close')
  t.same(supply(story), ['trip', 'permit-to-close'])
  story.finish('trip', 'expired')
  t.equal(story.state, 'normal', 'the trip never left, so the relay is closed as before')
  t.same(story.withdrawn, ['trip', 'permit-to-close'])
})

await t.test('a credit that came too late leaves the customer to press the button', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'unknown')
  t.equal(story.account.relay.contact, 'unknown')
  story.credit('20')
  t.equal(story.state, 'may-close')
  story.finish('trip', 'done', 'open')
  t.equal(story.state, 'may-close')
  story.finish('permit-to-close', 'done', 'closed')
  t.equal(story.state, 'normal')
})

await t.test('a trip that did not act is tried again later, not at once', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'failed', 'closed')
  t.equal(story.state, 'overdrawn')
  t.same(story.account.heldBy, ['relay-unusable'])
  story.passes('2026-03-02 09:39')
  t.equal(story.state, 'overdrawn')
  story.passes('2026-03-02 09:41')
  t.equal(story.state, 'disconnecting')
  t.same(supply(story), ['trip', 'trip'])
})

await t.test('a trip whose relay is not seen waits for the relay to be read', async (t) => {
  const story = opened('0.6')
  const cut = story.read('101', '2026-03-02 09:30')
  t.equal(cut.watch?.relay, undefined)
  const lost = story.finish('trip', 'failed')
  t.equal(story.state, 'disconnecting')
  t.equal(lost.watch?.relay, true)
  story.relay('closed')
  t.equal(story.state, 'overdrawn')
  const delayed = opened('0.6')
  delayed.read('101', '2026-03-02 09:30')
  delayed.finish('trip', 'done', 'closed')
  t.equal(delayed.state, 'disconnecting', 'delayed by the meter')
  delayed.relay('open')
  t.equal(delayed.state, 'disconnected')
})

await t.test('a relay that closes without permission is cut again', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'done', 'open')
  story.relay('closed')
  t.same(path(story).slice(-2), ['overdrawn relay-closed', 'disconnecting balance-used-up'])
  t.equal(story.state, 'disconnecting')
  t.same(supply(story), ['trip', 'trip'])
})

await t.test('a permission is taken back when the balance is used up again', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'done', 'open')
  story.credit('5')
  story.finish('permit-to-close', 'done', 'open')
  story.adjust('-6', false)
  t.equal(story.state, 'disconnected', 'the relay is open already')
  t.same(supply(story), ['trip', 'permit-to-close', 'trip'])
})

await t.test('a permission that failed is given again after a while', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'done', 'open')
  story.credit('20')
  story.finish('permit-to-close', 'expired')
  story.passes('2026-03-02 09:35')
  t.same(supply(story), ['trip', 'permit-to-close'])
  story.passes('2026-03-02 09:41')
  t.same(supply(story), ['trip', 'permit-to-close', 'permit-to-close'])
  t.same(story.passes('2026-03-02 09:42').wanted, [], 'one at a time')
})

await t.test('the meter’s alarm is asked for again after a failure, and only where there is a relay', async (t) => {
  const story = opened('9')
  t.same(story.wanted, ['alarm-on'])
  story.finish('alarm-on', 'failed')
  story.passes('2026-03-02 09:05')
  t.equal(story.wanted.length, 1)
  story.passes('2026-03-02 09:11')
  t.same(story.wanted, ['alarm-on', 'alarm-on'])
  t.same(opened('9', { metering: { relay: false } }).wanted, [])
})

await t.test('master’s orders to the relay are noted and change no state by themselves', async (t) => {
  const story = opened('50')
  story.accept({
    kind: 'order-finished',
    command: 'trip',
    byRule: false,
    stage: 'done',
    relay: { contact: 'open', alarm: false },
    needsSecurityChip: false,
  })
  t.equal(story.state, 'normal')
  t.equal(story.account.relay.contact, 'open')
  story.relay('closed')
  t.equal(story.state, 'normal')
  for (const command of ['protect-on', 'protect-off', 'permit-to-close'] as const) story.finish(command, 'done')
  t.equal(story.account.relay.permitted, undefined)
})

await t.test('an opening that was ordered is no surprise, one that nobody ordered is told', async (t) => {
  const byMaster = { kind: 'order-finished', byRule: false, relay: null, needsSecurityChip: false } as const
  const seen = { kind: 'relay-seen', contact: 'open', alarm: false } as const
  const open = { contact: 'open', alarm: false } as const
  const told = (act: (story: ReturnType<typeof opened>) => void): number => {
    const story = opened('50')
    story.relay('closed')
    act(story)
    t.equal(story.account.relay.contact, 'open')
    const warned = story.codes.filter((code) => code === 'account.relay-open').length
    story.relay('closed')
    story.relay('open')
    t.equal(story.codes.at(-1), 'account.relay-open', 'the next one nobody ordered')
    return warned
  }
  t.equal(
    told((story) => story.relay('open')),
    1,
    'nobody',
  )
  t.equal(
    told((story) => story.accept({ ...byMaster, command: 'trip', stage: 'done', relay: open })),
    0,
    'a master',
  )
  t.equal(
    told((story) => story.accept({ ...seen, tripUnderWay: true })),
    0,
    'seen before the order has ended',
  )
  t.equal(
    told((story) => story.accept({ ...byMaster, command: 'alarm-off', stage: 'done', relay: open, tripUnderWay: true })),
    0,
    'seen by another order',
  )
  t.equal(
    told((story) => story.accept({ ...byMaster, command: 'alarm-off', stage: 'done', relay: open })),
    1,
    'not by that one',
  )
  const verified = told((story) => {
    story.accept({ ...byMaster, command: 'trip', stage: 'unknown' })
    t.equal(story.account.relay.contact, 'unknown')
    story.accept({ ...byMaster, command: 'trip', stage: 'done', relay: open })
  })
  t.equal(verified, 0, 'its outcome was unknown and is verified later')
  const never = told((story) => {
    story.accept({ ...byMaster, command: 'trip', stage: 'unknown' })
    story.accept({ ...byMaster, command: 'trip', stage: 'failed' })
    story.accept(seen)
  })
  t.equal(never, 0, 'it could not be verified, and the meter is read at last')
  const delayed = told((story) => {
    story.accept({ ...byMaster, command: 'trip', stage: 'done', relay: { contact: 'closed', alarm: false } })
    story.accept(seen)
  })
  t.equal(delayed, 0, 'the meter took it and opened later')
  const inVain = told((story) => {
    story.accept({ ...byMaster, command: 'trip', stage: 'unknown' })
    story.accept({ ...byMaster, command: 'trip', stage: 'expired', relay: { contact: 'closed', alarm: false } })
    story.accept(seen)
  })
  t.equal(inVain, 1, 'proven not to have acted: what opens it later is something else')
})

await t.test('a meter without its security chip is a state of its own, not an endless retry', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  const fact = { kind: 'order-finished', command: 'trip', byRule: true, stage: 'refused', relay: null } as const
  story.accept({ ...fact, needsSecurityChip: true })
  t.equal(story.account.relay.problem, 'needs-security-chip')
  t.equal(story.state, 'overdrawn')
  t.same(story.account.heldBy, ['relay-unusable'])
  story.read('101.1', '2026-03-04 09:30')
  t.same(supply(story), ['trip'], 'nothing more is sent, days later')
  story.accept({ ...fact, command: 'alarm-on', byRule: false, stage: 'done', needsSecurityChip: false })
  t.equal(story.account.relay.problem, null)
  t.equal(story.state, 'disconnecting')
  t.equal(story.codes.filter((code) => code === 'account.relay-problem').length, 2)
})

await t.test('a refused trip rests for a day', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'refused')
  t.equal(story.account.relay.problem, 'refused')
  story.read('101.1', '2026-03-03 09:29')
  t.equal(story.state, 'overdrawn')
  story.read('101.1', '2026-03-03 09:31')
  t.equal(story.state, 'disconnecting')
  const { account, running } = story.ledger
  story.ledger = { account: { ...account, relay: { ...account.relay, problem: 'refused', at: null } }, running }
  story.passes('2026-03-03 09:32')
  t.equal(story.account.relay.problem, null, 'one without a date is over')
})

await t.test('energy that flows through an open relay is an event, and the relay is read again', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'done', 'open')
  story.read('101.02', '2026-03-02 09:40')
  story.read('101.025', '2026-03-02 09:50')
  t.notOk(story.codes.includes('account.energy-through-open-relay'), 'what flowed until it opened is no leak')
  const told = story.read('101.03', '2026-03-02 10:00')
  t.equal(story.codes.at(-1), 'account.energy-through-open-relay')
  t.equal(story.account.relay.contact, 'unknown')
  t.equal(told.watch?.relay, true)
  story.read('101.20', '2026-03-02 10:10')
  t.equal(story.codes.filter((code) => code === 'account.energy-through-open-relay').length, 1)
  story.relay('closed')
  t.equal(story.state, 'disconnecting', 'cut again')
})

await t.test('a closed account is left alone', async (t) => {
  const story = opened('9')
  story.finish('alarm-on', 'done')
  story.read('101', '2026-03-02 09:30')
  const closed = story.act({ kind: 'close' })
  t.equal(closed.accepted, true)
  t.equal(story.state, 'closed')
  t.equal(story.balance, 0n)
  t.equal(story.entries.at(-1)?.note, 'closing balance 8.400000')
  t.equal(story.statements.at(-1)?.closing, 0n)
  t.equal(story.wanted.at(-1), 'alarm-off')
  const before = story.ledger
  story.read('105', '2026-03-02 10:30')
  story.accept({ kind: 'unusable-reading', message: 'x' })
  story.relay('open')
  story.passes('2026-03-03 10:00')
  story.accept({ kind: 'parameters-changed' })
  story.accept({ kind: 'doubted', reason: 'x' })
  t.same(story.ledger, before)
  story.finish('alarm-off', 'done')
  t.equal(story.account.alarmOn, false)
  t.match(story.credit('5'), { accepted: false, code: 'conflict' })
  t.match(story.adjust('5', false), { accepted: false, code: 'conflict' })
  t.match(story.act({ kind: 'close' }), { accepted: false, code: 'conflict' })
  t.match(story.act({ kind: 'protect', on: true, until: null }), { accepted: false, code: 'conflict' })
  const { entryCount, chainHash } = story.account
  t.ok(story.act({ kind: 'agree', entry: entryCount, chainHash, ownHash: chainHash }).accepted)
  t.same(story.faults(), [])
})

await t.test('closing takes back what is under way', async (t) => {
  const story = opened('0.6')
  story.read('101', '2026-03-02 09:30')
  story.act({ kind: 'close' })
  t.same(story.withdrawn, ['trip'])
  story.finish('trip', 'expired')
  t.equal(story.state, 'closed')
  t.same(story.account.heldBy, [])
})
