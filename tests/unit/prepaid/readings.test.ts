import t from 'tap'
import { dayMs, type TariffVersion } from '../../../src/model/index.js'
import { readingsMax } from '../../../src/prepaid/running.js'
import { splitsMax } from '../../../src/prepaid/splits.js'
import { AccountCase, at, kwh, later, plainTariff, yuan } from '../../helpers/prepaid-case.js'

await t.test('the running balance follows each reading and posts nothing', async (t) => {
  const story = new AccountCase()
  const first = story.read('101', '2026-03-02 10:00')
  t.equal(first.durable, false)
  story.read('101.5', '2026-03-02 10:15')
  story.read('102', '2026-03-02 10:30')
  t.equal(story.balance, yuan('98.8'))
  t.same(story.kinds, ['open'])
  t.equal(story.ledger.running.readings.length, 1, 'what stands inside one rate period is not kept')
})

await t.test('the freeze posts the day and states it', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 22:00')
  story.read('111', '2026-03-02 23:45')
  const decision = story.freeze('111.2', '2026-03-03 00:00', { receivedAt: at('2026-03-03 00:06') })
  t.equal(decision.durable, true)
  t.same(story.kinds, ['open', 'charge'])
  t.same(
    story.entries.at(-1)?.pieces.map((piece) => [piece.rate, piece.toEnergy - piece.fromEnergy, piece.estimated]),
    [
      [1, kwh('10'), false],
      [2, kwh('1.2'), false],
    ],
  )
  const { account } = story
  t.same(story.statements, [
    {
      account: 'A1',
      at: at('2026-03-03 00:00'),
      opening: 0n,
      credits: yuan('100'),
      charges: yuan('-6.36'),
      corrections: 0n,
      closing: yuan('93.64'),
      reading: kwh('111.2'),
      purchaseCount: 0,
      lastEntry: 2,
      chainHash: account.chainHash,
    },
  ])
  story.freeze('111.2', '2026-03-03 00:00')
  t.equal(story.statements.length, 1, 'a day is stated once')
})

await t.test('a freeze that comes after readings of the new day splits there', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 22:00')
  story.read('111.3', '2026-03-03 00:05')
  story.freeze('111.2', '2026-03-03 00:00', { receivedAt: at('2026-03-03 00:06') })
  t.equal(story.account.postedTo.at, at('2026-03-03 00:00'))
  t.equal(story.ledger.running.readings.length, 1)
  t.equal(story.balance, yuan('93.61'))
  story.freeze('111.4', '2026-03-03 00:00', { source: 'live', receivedAt: at('2026-03-03 00:07') })
  t.equal(story.balance, yuan('93.61'), 'a second value of one instant changes nothing')
  t.same(...story.restart())
})

await t.test('a day whose freeze never came is stated in the morning from what there is', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 21:00')
  story.passes('2026-03-03 05:59')
  t.equal(story.statements.length, 0)
  story.passes('2026-03-03 06:00', false)
  t.equal(story.statements.length, 0, 'not by an untrusted clock')
  story.passes('2026-03-03 06:00')
  t.equal(story.statements.at(-1)?.at, at('2026-03-03 00:00'))
  t.equal(story.statements.at(-1)?.closing, yuan('94'))
  t.equal(story.passes('2026-03-03 06:01').durable, false)
})

await t.test('lesson 25: no interval is negative and the tariff waits for a trusted clock', async (t) => {
  const story = new AccountCase()
  story.read('101', '1970-01-01 08:00', { trusted: false })
  story.read('101', '1970-01-01 08:01')
  t.equal(story.balance, yuan('100'), 'before the account’s own time')
  story.read('102', '2028-03-02 09:00', { receivedAt: at('2026-03-02 10:00') })
  t.equal(story.balance, yuan('100'))
  t.equal(story.codes.at(-1), 'account.reading-unusable')
  story.read('102', '2026-03-02 10:00')
  t.equal(story.balance, yuan('98.8'))
  story.read('101', '2026-03-02 09:30', { receivedAt: at('2026-03-02 10:00') })
  t.equal(story.balance, yuan('98.8'))
  t.ok(story.entries.every((entry) => entry.pieces.every((piece) => piece.to > piece.from && piece.toEnergy >= piece.fromEnergy)))
})

await t.test('lesson 18: a value read late keeps its own time', async (t) => {
  const story = new AccountCase({ opensAt: '2026-03-02 07:00' })
  story.read('102', '2026-03-02 09:00')
  const estimated = story.balance
  story.read('101.9', '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:30') })
  t.equal(story.balance, yuan('100') - yuan('0.57') - yuan('0.06'))
  t.not(story.balance, estimated)
  t.equal(story.ledger.running.readings.at(-1)?.at, at('2026-03-02 09:00'))
})

await t.test('a late reading that fits nowhere is told once and not used', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 12:00')
  story.read('200', '2026-03-02 10:00', { receivedAt: at('2026-03-02 12:01') })
  story.read('201', '2026-03-02 10:00', { receivedAt: at('2026-03-02 12:02') })
  t.equal(story.codes.filter((code) => code === 'account.reading-unusable').length, 1)
  story.read('110.5', '2026-03-02 12:05', { source: 'load-record', receivedAt: at('2026-03-02 12:05') })
  story.read('111', '2026-03-02 12:05', { source: 'load-record', receivedAt: at('2026-03-02 12:05') })
  story.read('99.8', '2026-03-02 10:00', { source: 'load-record', receivedAt: at('2026-03-02 12:06') })
  t.equal(story.codes.filter((code) => code === 'account.reading-unusable').length, 1, 'a clock that differs is no fault')
  story.accept({ kind: 'unusable-reading', message: 'unit V where kWh belongs' })
  story.accept({ kind: 'unusable-reading', message: 'unit V where kWh belongs' })
  t.equal(story.codes.filter((code) => code === 'account.reading-unusable').length, 2)
  t.equal(story.balance, yuan('93.7'))
})

await t.test('a freeze a little above the next live reading is skipped, not doubted', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 23:45')
  story.freeze('110.5', '2026-03-03 00:00')
  story.read('110.4', '2026-03-03 00:00:20')
  t.equal(story.ledger.running.suspect, null)
  t.equal(story.account.postedTo.energy, kwh('110.5'))
})

await t.test('lesson 19: suspect readings change no entry and no balance, and raise an event', async (t) => {
  const story = new AccountCase()
  story.read('101', '2026-03-02 09:30')
  const before = story.balance
  story.read('0', '2026-03-02 09:45')
  t.equal(story.balance, before)
  t.same(story.codes, ['account.opened', 'account.reading-suspect'])
  t.equal(story.read('655.35', '2026-03-02 09:46').watch?.readBy, at('2026-03-02 09:46'), 'read again at once')
  t.equal(story.codes.length, 2, 'told once')
  story.read('101.2', '2026-03-02 09:47')
  t.equal(story.codes.at(-1), 'account.reading-cleared')
  t.equal(story.balance, yuan('99.28'))
  t.same(story.kinds, ['open'])
})

await t.test('a register that decreased stops pricing until the master adjusts', async (t) => {
  const story = new AccountCase()
  story.read('110', '2026-03-02 10:00')
  story.read('50', '2026-03-02 10:15')
  story.read('50.1', '2026-03-02 10:16')
  t.equal(story.account.pricingStopped?.reason, 'register-decreased')
  t.equal(story.codes.at(-1), 'account.pricing-stopped')
  t.same(story.kinds, ['open', 'charge'], 'what was good is posted')
  story.read('52', '2026-03-02 12:00')
  story.read('51', '2026-03-02 11:00', { receivedAt: at('2026-03-02 12:00') })
  story.freeze('53', '2026-03-03 00:00')
  t.equal(story.balance, yuan('94'))
  t.equal(story.statements.length, 1, 'days are stated all the same')
  t.same(story.rebuilt().running.seen, story.ledger.running.seen)
  t.ok(story.adjust('-1.2', true).accepted)
  t.equal(story.account.pricingStopped, null)
  t.same(...story.restart())
  story.read('54', '2026-03-03 00:30')
  t.equal(story.balance, yuan('92.8'), 'from the first reading after that on')
  story.read('55', '2026-03-03 01:00')
  t.equal(story.balance, yuan('92.5'))
  t.same(...story.restart())
  t.same(story.faults(), [])
})

await t.test('what was used before pricing stopped is owed, also by an account that was doubted then', async (t) => {
  const story = new AccountCase()
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  story.read('101', '2026-03-02 09:30')
  story.read('50', '2026-03-02 09:45')
  story.read('50', '2026-03-02 09:46')
  story.read('101.1', '2026-03-02 09:40', { source: 'load-record', receivedAt: at('2026-03-02 09:46') })
  t.same(...story.restart())
  story.read('50.5', '2026-03-02 09:55')
  t.same(...story.restart())
  const { entryCount, chainHash } = story.account
  story.act({ kind: 'agree', entry: entryCount, chainHash, ownHash: chainHash })
  t.equal(story.balance, yuan('99.4'))
  t.same(...story.restart())
  story.context = { ...story.context, tariffs: new Map() }
  story.accept({ kind: 'parameters-changed' })
  t.match(story.adjust('0', true), { accepted: false, code: 'conflict' }, 'not before it can be priced')
})

await t.test('an adjustment that resumes pricing takes what was used before it stopped', async (t) => {
  const story = new AccountCase()
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  story.read('101', '2026-03-02 09:30')
  story.read('50', '2026-03-02 09:45')
  story.read('50', '2026-03-02 09:46')
  t.ok(story.adjust('0', true).accepted)
  t.equal(story.balance, yuan('99.4'))
  t.same(story.faults(), [])
})

await t.test('a register that jumped stops pricing too', async (t) => {
  const story = new AccountCase()
  story.read('81100', '2026-03-02 09:15')
  story.read('81100', '2026-03-02 09:16')
  t.equal(story.account.pricingStopped?.reason, 'register-jumped')
  t.equal(story.balance, yuan('100'))
})

await t.test('a register that wraps goes on', async (t) => {
  const story = new AccountCase({ register: '999999' })
  story.read('1', '2026-03-02 09:30')
  t.equal(story.codes.at(-1), 'account.register-wrapped')
  t.equal(story.balance, yuan('98.8'))
  story.read('999999.5', '2026-03-02 09:15', { source: 'load-record', receivedAt: at('2026-03-02 09:31') })
  t.equal(story.ledger.running.readings[0]?.energy, kwh('999999.5'))
  story.freeze('2', '2026-03-03 00:00')
  t.equal(story.account.register.offset, kwh('1000000'))
  story.read('3', '2026-03-03 00:30')
  t.same(...story.restart())
  const early = new AccountCase({ register: '999990' })
  early.read('999999', '2026-03-02 23:00')
  early.read('1', '2026-03-03 00:10')
  early.freeze('999999.9', '2026-03-03 00:00', { receivedAt: at('2026-03-03 00:11') })
  t.equal(early.account.register.offset, 0n, 'at the freeze it had not wrapped yet')
  t.same(...early.restart())
})

await t.test('an account that waits for its meter starts at the first reading', async (t) => {
  const story = new AccountCase({ register: null })
  story.read('500', '2026-03-02 08:00', { receivedAt: at('2026-03-02 09:00') })
  t.equal(story.account.postedTo.source, 'awaited')
  story.read('501', '2026-03-02 09:05')
  t.equal(story.codes.at(-1), 'account.first-reading')
  story.read('502', '2026-03-02 09:30')
  t.equal(story.balance, yuan('99.4'))
  t.same(...story.restart())
})

await t.test('a late boundary reading corrects a posted estimate, once', async (t) => {
  const story = new AccountCase({ opensAt: '2026-03-02 07:00' })
  story.read('102', '2026-03-02 09:00')
  story.credit('1')
  t.equal(story.balance, yuan('100.1'), 'one of two hours at 0.30, one at 0.60')
  story.read('101.9', '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:30') })
  t.same(story.kinds, ['open', 'charge', 'credit', 'correction'])
  t.equal(story.balance, yuan('100.37'))
  t.equal(story.entries.at(-1)?.note, 'late reading')
  t.same(story.ledger.running.splits, [])
  story.read('101.8', '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:31') })
  t.equal(story.entries.length, 4)
  t.same(story.rebuilt().running.splits, [])
  t.same(story.faults(), [])
})

await t.test('a late reading inside one rate refines a split and leaves the rest estimated', async (t) => {
  const story = new AccountCase({ opensAt: '2026-03-02 07:00' })
  story.read('104', '2026-03-02 09:00')
  story.credit('1')
  story.read('101.5', '2026-03-02 07:30', { source: 'load-record', receivedAt: at('2026-03-02 09:30') })
  t.equal(story.kinds.at(-1), 'correction')
  t.equal(story.ledger.running.splits.length, 1)
  t.same(story.rebuilt().running.splits, story.ledger.running.splits)
  story.read('102.333333', '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:31') })
  t.equal(story.kinds.filter((kind) => kind === 'correction').length, 1, 'exactly as estimated: nothing to correct')
  story.read('103.5', '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:32') })
  t.equal(story.balance, yuan('101') - yuan('1.05') - yuan('0.3'))
})

await t.test('a late reading beside a split corrects nothing', async (t) => {
  const story = new AccountCase({ opensAt: '2026-03-02 07:00' })
  story.read('102', '2026-03-02 09:00')
  story.credit('1')
  const late = (energy: string, change = {}) =>
    story.read(energy, '2026-03-02 08:00', { source: 'load-record', receivedAt: at('2026-03-02 09:30'), ...change })
  late('150')
  t.equal(story.codes.at(-1), 'account.reading-unusable')
  late('102.5')
  t.equal(story.entries.length, 3, 'skewed')
  story.context = { ...story.context, tariffs: new Map() }
  late('101.5')
  t.equal(story.entries.length, 3, 'its tariff is gone')
  story.accept({ kind: 'doubted', reason: 'x' })
  late('101.5')
  t.equal(story.entries.length, 3)
})

await t.test('a split over two versions is corrected for each, with tax', async (t) => {
  const versions: TariffVersion[] = [
    { ...plainTariff, taxPpm: 100_000n },
    { ...plainTariff, version: 2, effectiveFrom: at('2026-03-02 12:00'), prices: [800_000n, 400_000n], taxPpm: 200_000n },
  ]
  const story = new AccountCase({ tariffs: versions })
  story.read('106', '2026-03-02 15:00')
  story.credit('1')
  t.same(story.kinds, ['open', 'charge', 'tax', 'charge', 'tax', 'credit'])
  t.equal(story.balance, yuan('101') - yuan('1.98') - yuan('2.88'))
  story.read('105', '2026-03-02 12:00', { source: 'load-record', receivedAt: at('2026-03-02 15:01') })
  t.same(story.kinds.slice(6), ['correction', 'tax', 'correction', 'tax'])
  t.equal(story.balance, yuan('101') - yuan('3.3') - yuan('0.96'))
  t.same(story.rebuilt().running.splits, [])
  t.same(story.faults(), [])
})

await t.test('old and excess estimates are final', async (t) => {
  const story = new AccountCase({
    opensAt: '2026-03-02 07:00',
    opening: '1000',
    limits: { largestCredit: yuan('0'), hoarding: yuan('0') },
  })
  let when = at('2026-03-02 07:00')
  for (let count = 0; count < 3 * 60; count++) {
    when = later(when, dayMs / 3)
    story.now(when)
    const reading = {
      raw: kwh(`${101 + count}`),
      at: when,
      source: 'live',
      isFreeze: false,
      receivedAt: when,
      trusted: true,
    } as const
    story.accept({ kind: 'reading', reading })
    story.credit('1')
  }
  t.equal(story.ledger.running.splits.length, splitsMax)
  story.now(later(when, 70 * dayMs))
  t.equal(story.rebuilt().running.splits.length, 0)
})

await t.test('readings that cannot be posted are bounded', async (t) => {
  const story = new AccountCase({ tariffs: [{ ...plainTariff, seasons: everyMinute() }], opening: '1000' })
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  let when = at('2026-03-02 09:00')
  for (let count = 0; count < readingsMax + 2; count++) {
    when = later(when, 8 * 3_600_000)
    story.now(when)
    const raw = kwh(`${101 + count}`)
    story.accept({
      kind: 'reading',
      reading: { raw, at: when, source: 'live', isFreeze: false, receivedAt: when, trusted: true },
    })
  }
  t.equal(story.ledger.running.readings.length, readingsMax)
})

function everyMinute(): TariffVersion['seasons'] {
  const day = [
    { minute: 0, rate: 1 },
    { minute: 480, rate: 2 },
    { minute: 960, rate: 1 },
  ]
  return [{ from: { month: 1, day: 1 }, workday: day, restday: day }]
}

await t.test('power is an average long enough for the register’s last digit', async (t) => {
  const story = new AccountCase()
  story.read('100.01', '2026-03-02 09:01')
  t.equal(story.ledger.running.power.milliwatts, null)
  story.read('100.5', '2026-03-02 09:06')
  t.equal(story.ledger.running.power.milliwatts, 5_000_000n)
})
