import t from 'tap'
import { accountId, epochMs, meterId, type AccountLimits, type TariffVersion } from '../../../src/model/index.js'
import { checkLimits, openAccount, tariffBook, viewAccount } from '../../../src/prepaid/index.js'
import { AccountCase, at, kwh, plainLimits, plainTariff, yuan } from '../../helpers/prepaid-case.js'

await t.test('a credit posts what is due and then itself, exactly the next purchase', async (t) => {
  const story = new AccountCase()
  story.read('101', '2026-03-02 10:00')
  t.match(story.credit('20', 1), { accepted: true, repeated: false, durable: true })
  t.same(
    story.entries.map(({ kind, key, amount, purchaseCount }) => [kind, key, amount, purchaseCount]),
    [
      ['open', 'open:A1:1', yuan('100'), 0],
      ['charge', 'charge:A1:2', yuan('-0.6'), 0],
      ['credit', 'order:k1', yuan('20'), 1],
    ],
  )
  t.match(story.credit('20', 1, 'other'), { accepted: false, code: 'out-of-sequence' })
  t.match(story.credit('20', 3), { accepted: false, code: 'out-of-sequence' })
  t.equal(story.balance, yuan('119.4'))
})

await t.test('a repeated credit adds nothing; another content under its key is refused', async (t) => {
  const story = new AccountCase()
  story.credit('20', 1)
  t.match(story.credit('20', 1), { accepted: true, repeated: true, entries: [] })
  t.match(story.credit('21', 1), { accepted: false, code: 'conflict' })
  t.match(story.credit('20', 2, 'k1'), { accepted: false, code: 'conflict' })
  const posted = story.entries.at(-1)
  if (posted === undefined) throw new Error('the credit was posted')
  const foreign = { ...posted, account: accountId('A2') }
  const fact = { kind: 'credit', amount: yuan('20'), purchase: 1, key: 'order:k1', posted: foreign } as const
  t.match(story.act(fact), { accepted: false, code: 'conflict' })
  t.match(story.act({ ...fact, kind: 'adjust', reason: 'x', resumePricing: false, posted }), {
    accepted: false,
    code: 'conflict',
  })
  t.equal(story.balance, yuan('120'))
})

await t.test('a credit keeps the limits', async (t) => {
  const story = new AccountCase({ limits: { largestCredit: yuan('50'), hoarding: yuan('140') } })
  t.match(story.credit('0'), { accepted: false, code: 'invalid' })
  t.match(story.credit('50.000001'), { accepted: false, code: 'limit' })
  t.match(story.credit('40.000001'), { accepted: false, code: 'limit' })
  t.ok(story.credit('40').accepted)
  const free = new AccountCase({ limits: { largestCredit: yuan('0'), hoarding: yuan('0') } })
  t.ok(free.credit('100000').accepted)
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  t.match(story.credit('1'), { accepted: false, code: 'conflict' })
})

await t.test('a new credit pays the overdraft first', async (t) => {
  const story = new AccountCase({ opening: '1', limits: { overdraft: yuan('5'), closePermitted: yuan('0') } })
  story.relay('closed')
  story.read('111', '2026-03-02 10:00')
  story.finish('trip', 'done', 'open')
  story.credit('4')
  t.equal(story.state, 'disconnected', 'the debt is more than that')
  t.equal(story.balance, yuan('-1.6'))
  story.credit('2')
  t.equal(story.state, 'may-close')
})

await t.test('an adjustment is the one way to correct a balance, once for a key', async (t) => {
  const story = new AccountCase()
  t.ok(story.adjust('-5', false, 'a').accepted)
  t.match(story.adjust('-5', false, 'a'), { repeated: true })
  t.equal(story.balance, yuan('95'))
  t.equal(story.entries.at(-1)?.note, 'found')
  t.ok(story.adjust('1', true).accepted, 'resuming what was not stopped')
  story.accept({ kind: 'doubted', reason: 'x' })
  t.match(story.adjust('1', false), { accepted: false, code: 'conflict' })
  t.ok(story.adjust('1', true).accepted)
  t.ok(story.account.verified)
})

await t.test('pricing resumes only where the meter has been read since', async (t) => {
  const story = new AccountCase()
  story.read('50', '2026-03-02 10:15')
  story.read('50.1', '2026-03-02 10:16')
  story.ledger = { ...story.ledger, running: { ...story.ledger.running, seen: null } }
  t.match(story.adjust('1', true), { accepted: false, code: 'conflict' })
  t.ok(story.adjust('1', false).accepted, 'money may be adjusted while pricing stands')
  t.not(story.account.pricingStopped, null)
})

await t.test('a replaced meter is charged to its end and the axis goes on', async (t) => {
  const story = new AccountCase({ metering: { ratio: 10n, capacity: kwh('10000000') }, register: '1000' })
  story.relay('closed')
  story.read('1010', '2026-03-02 10:00')
  story.read('3', '2026-03-02 11:30')
  story.now('2026-03-02 12:00')
  const replace = {
    kind: 'replace-meter',
    finalEnergy: kwh('101.5'),
    initialEnergy: kwh('0.2'),
    at: at('2026-03-02 11:00'),
    witness: 'photo 17',
    newAddress: '000000000042',
  } as const
  t.ok(story.act(replace).accepted)
  t.same(story.kinds, ['open', 'charge', 'replacement'])
  t.equal(story.balance, yuan('91'))
  t.equal(story.account.register.lastRaw, kwh('2'))
  t.equal(story.account.relay.contact, 'unknown')
  t.equal(story.ledger.running.suspect, null)
  t.match(story.entries.at(-1)?.note, /final 101.500000; .*; initial 0.200000; address 000000000042; photo 17/)
  story.read('12', '2026-03-02 12:30')
  t.equal(story.balance, yuan('85'))
  t.same(...story.restart())
  t.same(story.faults(), [])
})

await t.test('a missing final reading is estimated from recent power and marked so', async (t) => {
  const story = new AccountCase()
  story.read('102', '2026-03-02 10:00')
  story.now('2026-03-02 12:00')
  const replace = { kind: 'replace-meter', finalEnergy: null, initialEnergy: kwh('0'), at: at('2026-03-02 11:00') } as const
  t.ok(story.act({ ...replace, witness: '', newAddress: '1' }).accepted)
  const charge = story.entries.find((entry) => entry.kind === 'charge')
  t.same(
    charge?.pieces.map((piece) => [piece.toEnergy - piece.fromEnergy, piece.estimated]),
    [
      [kwh('2'), false],
      [kwh('2'), true],
    ],
  )
  t.match(story.entries.at(-1)?.note, /^final reading missing, estimated/)
  const still = new AccountCase()
  still.now('2026-03-02 12:00')
  t.ok(still.act({ ...replace, witness: '', newAddress: '1' }).accepted)
  t.equal(still.balance, yuan('100'), 'without any power known nothing is invented')
})

await t.test('a final reading may have wrapped; one below the last is refused', async (t) => {
  const replace = {
    kind: 'replace-meter',
    initialEnergy: kwh('0'),
    at: at('2026-03-02 11:00'),
    witness: '',
    newAddress: '1',
  } as const
  const story = new AccountCase({ register: '999999' })
  story.now('2026-03-02 12:00')
  t.ok(story.act({ ...replace, finalEnergy: kwh('1') }).accepted)
  t.equal(story.balance, yuan('98.8'))
  const lower = new AccountCase()
  lower.now('2026-03-02 12:00')
  t.match(lower.act({ ...replace, finalEnergy: kwh('99') }), { accepted: false, code: 'invalid' })
  t.match(lower.act({ ...replace, finalEnergy: kwh('101'), initialEnergy: kwh('1000000') }), { accepted: false, code: 'invalid' })
  t.match(lower.act({ ...replace, finalEnergy: kwh('101'), at: at('2026-03-02 09:00') }), { accepted: false, code: 'conflict' })
  t.match(lower.act({ ...replace, finalEnergy: kwh('101'), at: at('2026-03-02 12:01') }), { accepted: false, code: 'conflict' })
  lower.context = { ...lower.context, tariffs: tariffBook([]) }
  t.match(lower.act({ ...replace, finalEnergy: kwh('101') }), { accepted: false, code: 'conflict' })
  t.match(lower.act({ kind: 'close' }), { accepted: true }, 'nothing is owed, so it may be closed')
  const doubted = new AccountCase()
  doubted.accept({ kind: 'doubted', reason: 'x' })
  t.match(doubted.act({ ...replace, finalEnergy: kwh('101') }), { accepted: false, code: 'conflict' })
  t.match(doubted.act({ kind: 'close' }), { accepted: false, code: 'conflict' })
})

await t.test('a replacement ends what hung on the old device', async (t) => {
  const replace = {
    kind: 'replace-meter',
    initialEnergy: kwh('0'),
    at: at('2026-03-02 11:00'),
    witness: '',
    newAddress: '1',
  } as const
  const cut = new AccountCase({ opening: '0.6' })
  cut.relay('closed')
  cut.read('101', '2026-03-02 09:30')
  cut.finish('trip', 'done', 'open')
  cut.now('2026-03-02 12:00')
  t.ok(cut.act({ ...replace, finalEnergy: kwh('101') }).accepted)
  t.equal(cut.state, 'overdrawn')
  t.same(cut.withdrawn, ['alarm-on'])
  const stopped = new AccountCase()
  stopped.read('50', '2026-03-02 10:15')
  stopped.read('50.1', '2026-03-02 10:16')
  stopped.now('2026-03-02 12:00')
  t.ok(stopped.act({ ...replace, finalEnergy: kwh('52') }).accepted)
  t.equal(stopped.account.pricingStopped, null)
  t.equal(stopped.balance, yuan('100'), 'the old register is for the master to settle')
  const awaited = new AccountCase({ register: null })
  awaited.now('2026-03-02 12:00')
  t.ok(awaited.act({ ...replace, finalEnergy: kwh('52') }).accepted)
  awaited.read('1', '2026-03-02 12:30')
  t.equal(awaited.balance, yuan('99.4'))
})

await t.test('a replacement takes what was used before pricing stopped', async (t) => {
  const story = new AccountCase()
  story.accept({ kind: 'doubted', reason: 'salvaged' })
  story.read('101', '2026-03-02 09:30')
  story.read('50', '2026-03-02 09:45')
  story.read('50', '2026-03-02 09:46')
  const { entryCount, chainHash } = story.account
  story.act({ kind: 'agree', entry: entryCount, chainHash, ownHash: chainHash })
  story.now('2026-03-02 12:00')
  const fact = { kind: 'replace-meter', finalEnergy: null, initialEnergy: kwh('0'), at: at('2026-03-02 11:00') } as const
  t.ok(story.act({ ...fact, witness: '', newAddress: '1' }).accepted)
  t.same(story.kinds, ['open', 'charge', 'replacement'])
  t.equal(story.balance, yuan('99.4'))
})

await t.test('an account is not closed over energy that no tariff prices', async (t) => {
  const story = new AccountCase()
  story.context = { ...story.context, tariffs: tariffBook([]) }
  story.read('101', '2026-03-02 10:00')
  t.match(story.act({ kind: 'close' }), { accepted: false, code: 'conflict' })
  t.equal(viewAccount(story.ledger, story.context).runningBalance, yuan('100'))
})

await t.test('an account opens only with a tariff that prices and limits that fit', async (t) => {
  const story = new AccountCase()
  const fact = {
    account: accountId('A2'),
    meter: meterId('M2'),
    unit: 'money',
    tariff: 'home',
    limits: plainLimits,
    opening: yuan('0'),
    reading: null,
  } as const
  const steps: TariffVersion = { ...plainTariff, steps: { period: 'year', bounds: [{ aboveKwh: 1n, surcharge: 1n }] } }
  t.match(openAccount({ ...fact, tariff: 'shop' }, story.context), { accepted: false, code: 'invalid' })
  t.match(openAccount(fact, { ...story.context, tariffs: tariffBook([steps]) }), { accepted: false, code: 'invalid' })
  const ahead = {
    raw: kwh('1'),
    at: epochMs(at('2026-03-02 09:01')),
    source: 'live',
    isFreeze: false,
    receivedAt: at('2026-03-02 09:00'),
  } as const
  for (const reading of [null, { ...ahead, trusted: true }, { ...ahead, at: at('2026-03-02 08:00'), trusted: false }]) {
    t.match(openAccount({ ...fact, reading }, story.context), { ledger: { account: { postedTo: { source: 'awaited' } } } })
  }
  const wrong = (limits: Partial<AccountLimits>) => checkLimits({ ...plainLimits, ...limits })
  t.equal(wrong({}), null)
  for (const limits of [
    { alarm1: yuan('1') },
    { alarm1: yuan('-1'), alarm2: yuan('-2') },
    { overdraft: yuan('-1') },
    { closePermitted: yuan('-1') },
    { hoarding: yuan('-1') },
    { largestCredit: yuan('-1') },
  ]) {
    t.type(wrong(limits), 'string')
  }
  t.match(openAccount({ ...fact, limits: { ...plainLimits, overdraft: yuan('-1') } }, story.context), { code: 'invalid' })
})
