import fc from 'fast-check'
import t from 'tap'
import type { Statement } from '../../src/model/index.js'
import { yuan } from '../helpers/prepaid-case.js'
import { daysOf, PrepaidWorld, type Step } from '../helpers/prepaid-world.js'

/** About 1.3 account-days each, dense with faults. */
const runs = process.env['WATTKEEP_FULL'] === '1' ? 100_000 : 400
t.setTimeout(900_000)

const of = <T extends Step>(step: T) => fc.constant<Step>(step)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('live' as const),
      ticks: fc.integer({ min: 1, max: 96 }),
      watts: fc.integer({ min: 0, max: 9000 }),
    }),
  },
  { weight: 14, arbitrary: of({ do: 'read', corruption: 'none' }) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('zero' as const, 'tenfold' as const, 'ones' as const, 'dip' as const)
      .map((corruption): Step => ({ do: 'read', corruption })),
  },
  { weight: 4, arbitrary: of({ do: 'freeze' }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 96 }).map((ticksAgo): Step => ({ do: 'late', ticksAgo })) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }).map((amount): Step => ({ do: 'pay', amount })) },
  { weight: 2, arbitrary: fc.nat(20).map((purchase): Step => ({ do: 'replay', purchase })) },
  { weight: 1, arbitrary: fc.boolean().map((resume): Step => ({ do: 'adjust', resume })) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('protect' as const), on: fc.boolean(), hours: fc.option(fc.nat(48)) }),
  },
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(
        'acts' as const,
        'acts' as const,
        'lost' as const,
        'lost-acts' as const,
        'refused' as const,
        'expired' as const,
      )
      .map((fate): Step => ({ do: 'order', fate })),
  },
  { weight: 5, arbitrary: of({ do: 'see' }) },
  { weight: 3, arbitrary: of({ do: 'press' }) },
  { weight: 6, arbitrary: of({ do: 'evaluate' }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 0, 0, -1, 5, -400_000).map((stepHours): Step => ({ do: 'clock', stepHours })) },
  { weight: 2, arbitrary: fc.constantFrom(true, true, false).map((isGood): Step => ({ do: 'tariff', isGood })) },
  { weight: 1, arbitrary: of({ do: 'salvage' }) },
  { weight: 2, arbitrary: of({ do: 'agree' }) },
  { weight: 2, arbitrary: of({ do: 'restart' }) },
  { weight: 1, arbitrary: of({ do: 'replace' }) },
)
const story = fc.array(step, { minLength: 20, maxLength: 160 })

/** The ledger adds up, money is conserved to the last millionth, every credit stands once, and a restart changes no balance. */
function ledgerFaults({ account }: PrepaidWorld): readonly string[] {
  const { entries } = account
  const charged = entries.filter((entry) => entry.kind === 'charge')
  const taken = charged.reduce((sum, entry) => sum - entry.amount, 0n)
  const pieces = charged.flatMap((entry) => entry.pieces)
  const owed = pieces.reduce((sum, piece) => sum + (piece.toEnergy - piece.fromEnergy) * piece.priceMicroPerKwh, 0n)
  const keys = new Set(entries.map((entry) => entry.key))
  const purchases = entries.filter((entry) => entry.kind === 'credit').map((entry) => entry.purchaseCount)
  return [
    ...account.faults(),
    ...(taken * 1_000_000n + account.account.energyCarry === owed ? [] : ['money was lost or made']),
    ...(keys.size === entries.length ? [] : ['a key stands twice']),
    ...(purchases.every((purchase, index) => purchase === index + 1) ? [] : ['a purchase is missing or doubled']),
    ...(account.statements.every((statement) => statementAdds(statement)) ? [] : ['a statement does not add up']),
    ...restartFaults(account),
  ]
}

const statementAdds = ({ opening, credits, charges, corrections, closing }: Statement): boolean =>
  opening + credits + charges + corrections === closing

function restartFaults(account: PrepaidWorld['account']): readonly string[] {
  const before = account.balance
  account.ledger = account.rebuilt()
  return account.balance === before ? [] : [`a restart made ${before} ${account.balance}`]
}

await t.test(
  'no account is cut that the truth does not bear out, whatever is read, lost, stepped or replaced',
  { timeout: 900_000 },
  async (t) => {
    let [days, cuts] = [0, 0]
    fc.assert(
      fc.property(story, fc.constantFrom('0', '3'), (steps, overdraft) => {
        const world = new PrepaidWorld({ limits: { overdraft: yuan(overdraft) } })
        world.run(steps)
        days += daysOf(steps)
        cuts += world.account.wanted.filter((command) => command === 'trip').length
        const wrongs = [...world.wrongs, ...ledgerFaults(world)]
        if (wrongs.length > 0) throw new Error(wrongs.join('; '))
      }),
      { numRuns: runs },
    )
    t.comment(`${Math.round(days)} account-days, ${cuts} cuts`)
    t.ok(cuts > runs / 10, 'the stories do lead to cuts')
  },
)
