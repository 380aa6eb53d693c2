import fc from 'fast-check'
import t from 'tap'
import { epochMs, type EpochMs, type TariffVersion } from '../../src/model/index.js'
import { switchPoints } from '../../src/prepaid/tariff-book.js'
import { tariffBook, type RegisterReading } from '../../src/prepaid/index.js'
import { AccountCase, at, kwh, plainTariff, yuan } from '../helpers/prepaid-case.js'

const runs = process.env['WATTKEEP_FULL'] === '1' ? 4000 : 200
t.setTimeout(900_000)
const start = at('2026-03-02 00:00')
const end = at('2026-03-05 00:00')
const minuteMs = 60_000

/** Awkward prices, tax, and a second version in the middle. */
const tariffs: readonly TariffVersion[] = [
  { ...plainTariff, prices: [612_347n, 298_761n], taxPpm: 60_001n },
  { ...plainTariff, version: 2, effectiveFrom: at('2026-03-03 13:00'), prices: [655_351n, 301_117n], taxPpm: 60_001n },
]
const boundaries = [...switchPoints(tariffBook(tariffs), 'home', start, end), end]

/** A register that rises by any amounts from minute to minute, in mWh. */
const curve = fc.array(fc.bigInt({ min: 0n, max: 160_000n }), { minLength: 60, maxLength: 60 })
const energyAt = (rises: readonly bigint[], when: EpochMs): bigint => {
  const minutes = (when - start) / minuteMs
  const whole = rises.reduce((sum, rise) => sum + rise, 0n) * BigInt(Math.floor(minutes / rises.length))
  return 5_000_000_000n + whole + rises.slice(0, minutes % rises.length).reduce((sum, rise) => sum + rise, 0n)
}
const minute = fc.integer({ min: 1, max: (end - start) / minuteMs - 1 }).map((count) => epochMs(start + count * minuteMs))

interface Plan {
  readonly rises: readonly bigint[]
  readonly readAt: readonly EpochMs[]
  readonly payAt: readonly EpochMs[]
}

/** Reads at all boundaries and at `readAt`; pays a millionth at `payAt`, which posts. */
function settle({ rises, readAt, payAt }: Plan, order: 'in-time' | 'late' = 'in-time'): AccountCase {
  const limits = {
    hoarding: yuan('0'),
    largestCredit: yuan('0'),
    alarm1: yuan('0'),
    alarm2: yuan('0'),
    overdraft: yuan('100000'),
  }
  const story = new AccountCase({ opensAt: '2026-03-02 00:00', register: '5000', tariffs, opening: '1000', limits })
  const instants = [...new Set([...readAt, ...(order === 'in-time' ? boundaries : [end])])].sort((a, b) => a - b)
  for (const when of instants) {
    give(story, { rises, when }, when)
    if (payAt.includes(when)) story.credit('0.000001')
  }
  if (order === 'late') for (const when of boundaries) give(story, { rises, when }, end)
  story.credit('0.000001')
  return story
}

function give(
  story: AccountCase,
  value: { readonly rises: readonly bigint[]; readonly when: EpochMs },
  receivedAt: EpochMs,
): void {
  const raw = energyAt(value.rises, value.when) as RegisterReading['raw']
  const source = receivedAt === value.when ? 'live' : 'load-record'
  story.now(receivedAt)
  story.accept({ kind: 'reading', reading: { raw, at: value.when, source, isFreeze: false, receivedAt, trusted: true } })
}

const sumOf = (story: AccountCase, kind: string): bigint =>
  story.entries.filter((entry) => entry.kind === kind).reduce((sum, entry) => sum - entry.amount, 0n)

const chargesOf = (story: AccountCase): bigint =>
  story.entries
    .filter(({ kind }) => kind === 'charge' || kind === 'tax' || kind === 'correction')
    .reduce((sum, entry) => sum - entry.amount, 0n)

await t.test('charges do not depend on how often the meter is read or the account is posted', async (t) => {
  fc.assert(
    fc.property(curve, fc.array(minute, { maxLength: 30 }), fc.array(minute, { maxLength: 10 }), (rises, readAt, payAt) => {
      const few = settle({ rises, readAt: [], payAt: [] })
      const many = settle({ rises, readAt: [...readAt, ...payAt], payAt })
      return (
        chargesOf(few) === chargesOf(many) &&
        few.account.energyCarry === many.account.energyCarry &&
        few.account.taxCarry === many.account.taxCarry &&
        many.faults().length === 0
      )
    }),
    { numRuns: runs },
  )
  t.pass('the same to the last millionth and its carry')
})

await t.test('money is conserved to the last millionth: what is taken and carried is what the energy costs', async (t) => {
  fc.assert(
    fc.property(curve, fc.array(minute, { maxLength: 10 }), (rises, payAt) => {
      const story = settle({ rises, readAt: payAt, payAt })
      const pieces = story.entries.flatMap((entry) => entry.pieces)
      const cost = pieces.reduce((sum, piece) => sum + (piece.toEnergy - piece.fromEnergy) * piece.priceMicroPerKwh, 0n)
      const energy = pieces.reduce((sum, piece) => sum + piece.toEnergy - piece.fromEnergy, 0n)
      const charged = sumOf(story, 'charge')
      const { energyCarry, taxCarry } = story.account
      return (
        charged * 1_000_000n + energyCarry === cost &&
        sumOf(story, 'tax') * 1_000_000n + taxCarry === charged * 60_001n &&
        energy === energyAt(rises, end) - kwh('5000')
      )
    }),
    { numRuns: runs },
  )
  t.pass('energy, charge and tax')
})

await t.test('late boundary readings correct posted estimates to what they would have cost in time', async (t) => {
  fc.assert(
    fc.property(curve, fc.uniqueArray(minute, { maxLength: 6 }), (rises, payAt) => {
      const inTime = settle({ rises, readAt: payAt, payAt: [] })
      const late = settle({ rises, readAt: payAt, payAt }, 'late')
      return chargesOf(inTime) === chargesOf(late) && late.faults().length === 0
    }),
    { numRuns: runs },
  )
  t.pass('to the last millionth')
})
