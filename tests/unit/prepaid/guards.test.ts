import t from 'tap'
import type { BlockedCalendar, EpochMs, Guard, TariffVersion } from '../../../src/model/index.js'
import { toLocal } from '../../../src/model/index.js'
import { isBlocked } from '../../../src/prepaid/guards.js'
import { tariffBook } from '../../../src/prepaid/index.js'
import { AccountCase, at, plainTariff, utcOffsetMinutes, yuan } from '../../helpers/prepaid-case.js'

const never: BlockedCalendar = { night: null, weekdays: [], dates: [] }
const opened = (options: ConstructorParameters<typeof AccountCase>[0] = {}) => {
  const story = new AccountCase({ opening: '0.6', ...options })
  story.relay('closed')
  return story
}
const held = (story: AccountCase): readonly Guard[] => story.account.heldBy
const cut = (story: AccountCase) => story.wanted.filter((command) => command === 'trip').length

await t.test('supply protection holds until a trusted clock says that it is over', async (t) => {
  const story = opened()
  story.act({ kind: 'protect', on: true, until: at('2026-03-02 10:00') })
  story.read('101', '2026-03-02 09:30')
  t.same(held(story), ['supply-protection'])
  story.passes('2026-03-02 10:01', false)
  t.same(held(story), ['supply-protection', 'clock-untrusted'])
  story.passes('2026-03-02 10:01')
  t.equal(story.state, 'disconnecting')
  t.ok(story.codes.includes('account.protection'))
})

await t.test('protection gives supply back to whom it was taken from', async (t) => {
  const story = opened()
  story.read('101', '2026-03-02 09:30')
  story.finish('trip', 'done', 'open')
  story.act({ kind: 'protect', on: true, until: null })
  t.equal(story.state, 'may-close')
  story.act({ kind: 'protect', on: false, until: at('2027-01-01 00:00') })
  t.equal(story.account.protectedUntil, null)
  t.equal(story.state, 'disconnected')
})

await t.test('the blocked calendar holds and its end is enough', async (t) => {
  const story = opened({ rules: { blocked: { ...never, dates: ['2026-03-02'] }, readingStaleAfterMs: 86_400_000 } })
  story.read('101', '2026-03-02 09:30')
  t.same(held(story), ['blocked-calendar'])
  story.passes('2026-03-03 00:00')
  t.equal(story.state, 'disconnecting')
})

await t.test('a stale reading holds; a fresh one cuts', async (t) => {
  const story = opened({ rules: { blocked: { ...never, dates: ['2026-03-02'] } } })
  story.read('101', '2026-03-02 09:30')
  story.passes('2026-03-02 12:00')
  t.same(held(story), ['blocked-calendar', 'reading-stale'])
  story.passes('2026-03-03 06:00')
  t.same(held(story), ['reading-stale'])
  story.read('101', '2026-03-03 06:01')
  t.equal(story.state, 'disconnecting')
  const changes = story.events.filter((event) => event.code === 'account.cut-held')
  t.same(
    changes.map(({ detail }) => [detail['before'], detail['guards']]),
    [
      ['none', 'blocked-calendar'],
      ['blocked-calendar', 'blocked-calendar,reading-stale'],
      ['blocked-calendar,reading-stale', 'reading-stale'],
      ['reading-stale', 'none'],
    ],
  )
})

await t.test('lesson 25: an untrusted clock holds, and one that stepped back makes every reading stale', async (t) => {
  const story = opened()
  story.read('101', '2026-03-02 09:30', { trusted: false })
  t.equal(story.state, 'alarm2', 'a reading of an untrusted clock prices nothing')
  story.read('101', '2026-03-02 09:31')
  t.equal(story.state, 'disconnecting')
  const stepped = opened()
  stepped.act({ kind: 'protect', on: true, until: null })
  stepped.read('101', '2026-03-02 09:30')
  stepped.now('2026-03-02 08:30')
  stepped.act({ kind: 'protect', on: false, until: null })
  t.same(held(stepped), ['reading-stale'])
})

await t.test('a suspect reading holds', async (t) => {
  const story = opened({ rules: { blocked: { ...never, dates: ['2026-03-02'] }, readingStaleAfterMs: 86_400_000 } })
  story.read('103', '2026-03-02 23:30')
  story.read('0', '2026-03-02 23:45')
  story.passes('2026-03-03 00:00')
  t.same(held(story), ['reading-implausible'])
  t.equal(cut(story), 0)
})

await t.test('a tariff that is not verified prices nothing and holds', async (t) => {
  const bad: TariffVersion = { ...plainTariff, version: 2, effectiveFrom: at('2026-03-02 09:40'), minimumMonthlyCharge: 1n }
  const story = opened({ tariffs: [plainTariff, bad], rules: { blocked: { ...never, dates: ['2026-03-02'] } } })
  story.read('101', '2026-03-02 09:30')
  story.passes('2026-03-02 09:41')
  t.same(held(story), ['blocked-calendar', 'tariff-unverified'])
  story.read('102', '2026-03-02 10:00')
  story.read('102', '2026-03-02 10:10')
  t.equal(story.balance, yuan('0'), 'the energy waits')
  story.context = { ...story.context, tariffs: tariffBook([plainTariff]) }
  story.accept({ kind: 'parameters-changed' })
  t.equal(story.balance, yuan('-0.6'))
  t.same(held(story), ['blocked-calendar'])
})

await t.test('an account in energy needs no tariff', async (t) => {
  const story = opened({ unit: 'energy', opening: '1', tariffs: [] })
  story.read('101', '2026-03-02 09:30')
  t.equal(story.state, 'disconnecting')
})

await t.test('an unverified account is neither priced nor cut until the master agrees', async (t) => {
  const story = opened()
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  t.equal(story.statements.at(-1)?.chainHash, story.account.chainHash)
  story.read('101', '2026-03-02 09:30')
  t.equal(story.balance, yuan('0.6'))
  story.passes('2026-03-02 09:35')
  t.equal(story.state, 'alarm2')
  const { entryCount, chainHash } = story.account
  story.act({ kind: 'agree', entry: entryCount - 1, chainHash: 'x', ownHash: 'x' })
  t.equal(story.account.verified, false, 'an entry before the head says nothing about the rest')
  t.match(story.act({ kind: 'agree', entry: entryCount, chainHash: 'y', ownHash: chainHash }), {
    accepted: false,
    code: 'conflict',
  })
  t.match(story.act({ kind: 'agree', entry: 9, chainHash: 'y', ownHash: null }), { accepted: false })
  t.equal(story.codes.filter((code) => code === 'account.diverged').length, 2)
  story.act({ kind: 'agree', entry: entryCount, chainHash, ownHash: chainHash })
  t.equal(story.state, 'disconnecting', 'what was used meanwhile is priced')
})

await t.test('an overdrawn account that becomes unverified is held', async (t) => {
  const story = opened({ rules: { blocked: { ...never, dates: ['2026-03-02'] } } })
  story.read('101', '2026-03-02 09:30')
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  t.same(held(story), ['blocked-calendar', 'account-unverified'])
})

await t.test('a relay in question holds and is to be read', async (t) => {
  const story = new AccountCase({ opening: '0.6' })
  const decision = story.read('101', '2026-03-02 09:30')
  t.same(held(story), ['relay-unusable'])
  t.equal(decision.watch?.relay, true)
  story.relay('closed')
  t.equal(story.state, 'disconnecting')
  const none = new AccountCase({ opening: '0.6', metering: { relay: false } })
  none.read('101', '2026-03-02 09:30')
  t.same(held(none), ['relay-unusable'])
  const open = new AccountCase({ opening: '0.6' })
  open.relay('open')
  open.read('101', '2026-03-02 09:30')
  t.same(held(open), ['relay-unusable'], 'nothing to cut, and nothing of ours to give back')
})

await t.test('stopped pricing holds', async (t) => {
  const story = opened({ opening: '3', rules: { blocked: { ...never, dates: ['2026-03-02'] } } })
  story.read('106', '2026-03-02 09:30')
  story.read('50', '2026-03-02 09:45')
  story.read('50', '2026-03-02 09:46')
  story.passes('2026-03-02 09:47')
  t.same(held(story), ['blocked-calendar', 'pricing-stopped'])
})

await t.test('after pricing was resumed a cut waits for a reading', async (t) => {
  const story = opened({ opening: '3' })
  story.read('50', '2026-03-02 09:45')
  story.read('50', '2026-03-02 09:46')
  story.adjust('-4', true)
  t.same(held(story), ['reading-stale'])
  story.read('50', '2026-03-02 09:47')
  t.equal(story.state, 'disconnecting')
})

await t.test('nights run across midnight or within a day', async (t) => {
  const local = (when: string) => toLocal(at(when), utcOffsetMinutes)
  const night = (fromMinute: number, toMinute: number) => ({ ...never, night: { fromMinute, toMinute } })
  t.ok(isBlocked(night(1320, 420), local('2026-03-02 23:00')))
  t.ok(isBlocked(night(1320, 420), local('2026-03-02 06:59')))
  t.notOk(isBlocked(night(1320, 420), local('2026-03-02 07:00')))
  t.ok(isBlocked(night(60, 120), local('2026-03-02 01:30')))
  t.notOk(isBlocked(night(60, 120), local('2026-03-02 02:00')))
  t.notOk(isBlocked(night(60, 120), local('2026-03-02 00:59')))
  t.ok(isBlocked({ ...never, weekdays: [1] }, local('2026-03-02 12:00')))
  t.ok(isBlocked({ ...never, dates: ['2026-03-02'] }, local('2026-03-02 12:00')))
  t.notOk(isBlocked({ ...never, weekdays: [0], dates: ['2026-03-03'] }, local('2026-03-02 12:00')))
})

await t.test('whoever waits for a first reading is never cut', async (t) => {
  const story = new AccountCase({ opening: '0', register: null })
  story.relay('closed')
  t.same(held(story), ['reading-stale'])
  story.read('50', '2026-03-02 09:10')
  t.equal(story.state, 'disconnecting')
  const instant: EpochMs = story.account.postedTo.at
  t.equal(instant, at('2026-03-02 09:10'))
})
