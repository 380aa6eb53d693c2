import t from 'tap'
import {
  amountText,
  bytesText,
  localTime,
  offsetText,
  shortTime,
  spanText,
  table,
  wrapped,
} from '../../../src/console/columns.js'
import { epochMs } from '../../../src/model/index.js'

await t.test('columns stand under one another, figures to the right, nothing trails', async (t) => {
  const rows = [
    ['NAME', 'COUNT', 'WHY'],
    ['a', '7', ''],
    ['longer', '1200', 'silent'],
  ]
  t.strictSame(table(rows, [1]), ['NAME    COUNT  WHY', 'a           7', 'longer   1200  silent'])
  t.strictSame(table([['one'], ['two', 'more']]), ['one', 'two  more'])
  t.strictSame(table([]), [])
})

await t.test('long text goes on under its first word, also one long word', async (t) => {
  t.strictSame(wrapped('head  ', 'one two three four', 30), ['head  one two three four'])
  t.strictSame(wrapped('head  ', 'alpha beta gamma delta epsilon', 30), ['head  alpha beta gamma delta', '      epsilon'])
  t.strictSame(wrapped('> ', 'F'.repeat(45), 22), [`> ${'F'.repeat(20)}`, `  ${'F'.repeat(20)}`, `  ${'F'.repeat(5)}`])
  t.strictSame(wrapped('> ', ''), ['>'])
  t.strictSame(wrapped('a very long head indeed  ', 'some words are here', 30), ['a very long head indeed  some words are here'])
})

await t.test('times are the site’s own', async (t) => {
  const at = epochMs(Date.UTC(2026, 2, 1, 0, 0, 5))
  t.equal(localTime(at, 480), '2026-03-01 08:00:05')
  t.equal(shortTime(at, -210), '02-28 20:30:05')
  t.equal(localTime(null, 480), '-')
  t.equal(shortTime(null, 480), '-')
  t.strictSame([480, 0, -210].map(offsetText), ['+08:00', '+00:00', '-03:30'])
})

await t.test('amounts keep two decimals and lose idle zeros', async (t) => {
  const texts = ['12.500000', '0.000000', '-3.141500', '7.123456', '1000000.000001', '-0.010000']
  t.strictSame(texts.map(amountText), ['12.50', '0.00', '-3.1415', '7.123456', '1000000.000001', '-0.01'])
})

await t.test('spans and sizes', async (t) => {
  t.strictSame([0, 59, 3_661, 86_399, 86_400, 300_000].map(spanText), [
    '00:00:00',
    '00:00:59',
    '01:01:01',
    '23:59:59',
    '1 d 00:00',
    '3 d 11:20',
  ])
  t.strictSame([0, 1_572_864, 3 * 2 ** 30].map(bytesText), ['0.0 MiB', '1.5 MiB', '3.0 GiB'])
})
