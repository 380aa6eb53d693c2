import t from 'tap'
import { energyMwh, type BillingReading, type ChargePiece, type TariffVersion } from '../../../src/model/index.js'
import { byVersion, chargeLines, entryPiecesMax, totalOf } from '../../../src/prepaid/charges.js'
import { floorWithCarry, joinPieces, numeratorOf, pricePair, priceReadings } from '../../../src/prepaid/charging.js'
import { tariffBook } from '../../../src/prepaid/index.js'
import { splitsOf } from '../../../src/prepaid/splits.js'
import { AccountCase, at, kwh, plainTariff } from '../../helpers/prepaid-case.js'

const mark = (energy: string, when: string): BillingReading => ({ at: at(when), energy: kwh(energy), source: 'live' })
const pricing = { unit: 'money' as const, tariff: 'home', book: tariffBook([plainTariff]) }
const brief = (pieces: readonly ChargePiece[] | null) =>
  pieces?.map((piece) => [piece.rate, piece.toEnergy - piece.fromEnergy, piece.estimated, piece.interpolated === true])

await t.test('a pair within one rate is one exact piece', async (t) => {
  t.same(brief(pricePair(mark('1', '2026-03-02 09:00'), mark('3', '2026-03-02 10:00'), pricing)), [[1, 2_000_000n, false, false]])
})

await t.test('a pair over a switch without a reading is split pro rata, marked, and sums exactly', async (t) => {
  const pieces = pricePair(mark('0', '2026-03-02 07:00'), mark('0.000010', '2026-03-02 10:00'), pricing)
  t.same(brief(pieces), [
    [2, 3n, true, true],
    [1, 7n, true, false],
  ])
})

await t.test('a boundary reading makes the split exact', async (t) => {
  const readings = [mark('0', '2026-03-02 07:00'), mark('1', '2026-03-02 08:00'), mark('9', '2026-03-02 10:00')]
  t.same(brief(priceReadings(readings, pricing)), [
    [2, 1_000_000n, false, false],
    [1, 8_000_000n, false, false],
  ])
})

await t.test('exact pieces of one rate join, estimated ones stay apart', async (t) => {
  const readings = ['09:00', '09:10', '09:20'].map((time, index) => mark(`${index}`, `2026-03-02 ${time}`))
  t.same(brief(priceReadings(readings, pricing)), [[1, 2_000_000n, false, false]])
  const split = ['07:00', '09:00', '09:30', '23:00'].map((time, index) => mark(`${index}`, `2026-03-02 ${time}`))
  const pieces = priceReadings(split, pricing) ?? []
  t.equal(pieces.length, 5)
  t.same(
    splitsOf(pieces).map((found) => [found.from.at, found.to.at]),
    [
      [at('2026-03-02 07:00'), at('2026-03-02 09:00')],
      [at('2026-03-02 09:30'), at('2026-03-02 23:00')],
    ],
  )
  t.same(joinPieces([], []), [])
  t.equal(joinPieces(pieces, []).length, 5)
})

await t.test('nothing prices an interval that reaches before the first version', async (t) => {
  const readings = [mark('0', '2025-12-31 23:00'), mark('1', '2026-01-01 01:00')]
  t.equal(priceReadings(readings, pricing), null)
  t.equal(priceReadings(readings, { ...pricing, tariff: 'shop' }), null)
})

await t.test('purchased energy is charged as itself', async (t) => {
  const pieces = pricePair(mark('0', '2026-03-02 07:00'), mark('1.5', '2026-03-04 10:00'), { ...pricing, unit: 'energy' })
  t.same(brief(pieces), [[0, 1_500_000n, false, false]])
  t.equal(numeratorOf(pieces ?? []), 1_500_000n * 1_000_000n)
})

await t.test('the one rounding goes down and its rest is carried', async (t) => {
  t.same(floorWithCarry(1_999_999n, 0n), { amount: 1n, carry: 999_999n })
  t.same(floorWithCarry(1n, 999_999n), { amount: 1n, carry: 0n })
  t.same(floorWithCarry(-1n, 0n), { amount: -1n, carry: 999_999n })
  t.same(floorWithCarry(-1_000_000n, 3n), { amount: -1n, carry: 3n })
})

await t.test('tax is its own line with its own carry, and each version charges its own', async (t) => {
  const second: TariffVersion = {
    ...plainTariff,
    version: 2,
    effectiveFrom: at('2026-03-02 12:00'),
    prices: [700_001n, 300_000n],
    taxPpm: 130_000n,
  }
  const book = tariffBook([{ ...plainTariff, taxPpm: 60_000n }, second])
  const account = new AccountCase({ tariffs: [plainTariff] }).account
  const readings = [mark('0', '2026-03-02 11:00'), mark('0.000007', '2026-03-02 12:00'), mark('0.000010', '2026-03-02 13:00')]
  const pieces = priceReadings(readings, { ...pricing, book }) ?? []
  const lines = chargeLines(pieces, account, book)
  t.same(
    lines.map(({ charge, tax, energyCarry, taxCarry }) => [charge, tax, energyCarry, taxCarry]),
    [
      [4n, 0n, 200_000n, 240_000n],
      [2n, 0n, 300_003n, 500_000n],
    ],
  )
  t.equal(totalOf(lines), 6n)
  t.ok(lines.every((line) => line.isTaxed))
  t.notOk(chargeLines(pieces, { ...account, tariff: 'shop' }, book)[0]?.isTaxed)
  t.same(chargeLines(pieces, { ...account, unit: 'energy' }, book)[0]?.tax, 0n)
})

await t.test('an entry holds so many pieces at most', async (t) => {
  const piece: ChargePiece = {
    from: at('2026-03-02 09:00'),
    to: at('2026-03-02 10:00'),
    fromEnergy: energyMwh(0n),
    toEnergy: energyMwh(1n),
    tariffVersion: 1,
    rate: 1,
    priceMicroPerKwh: 1n,
    estimated: true,
  }
  const groups = byVersion(Array<ChargePiece>(entryPiecesMax + 1).fill(piece))
  t.same(
    groups.map((group) => group.length),
    [entryPiecesMax, 1],
  )
})
