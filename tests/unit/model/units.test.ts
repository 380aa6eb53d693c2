import t from 'tap'
import { epochMs, formatDecimal, parseDecimal } from '../../../src/model/index.js'

await t.test('decimal text keeps the register’s decimals', async (t) => {
  t.equal(formatDecimal(26, -2), '0.26')
  t.equal(formatDecimal(-5, -3), '-0.005')
  t.equal(formatDecimal(0, 2), '0')
  t.equal(formatDecimal(12, 2), '1200')
  t.equal(formatDecimal(11228026n, -2), '112280.26')
  t.equal(formatDecimal(7, 0), '7')
})

await t.test('decimal text is read exactly or not at all', async (t) => {
  t.equal(parseDecimal('-12.5', -6), -12_500_000n)
  t.equal(parseDecimal('3', -2), 300n)
  t.equal(parseDecimal('0.125', -2), null)
  t.equal(parseDecimal('1e3', -2), null)
  t.equal(parseDecimal('', -2), null)
})

await t.test('a wall time is whole milliseconds', async (t) => {
  t.equal(epochMs(5), 5)
  t.throws(() => epochMs(0.5), RangeError)
})
