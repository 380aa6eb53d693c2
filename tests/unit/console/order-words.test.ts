import t from 'tap'
import { instantOf, orderWords } from '../../../src/console/commands/order-words.js'
import { checkWords, type OrderWords } from '../../../src/console/commands/order.js'
import { epochMs } from '../../../src/model/index.js'

const signer = { utcOffsetMinutes: 480, at: epochMs(Date.UTC(2026, 2, 1, 2)), parameterVersions: { archive: 4 } }
const body = (words: OrderWords): unknown => {
  const made = words(signer)
  return made.ok ? made.value : made.error
}

await t.test('times are the site’s own, or carry their zone', async (t) => {
  const good: readonly (readonly [string, string])[] = [
    ['2026-03-01 08:00', '2026-03-01T00:00:00.000Z'],
    ['2026-03-01T08:00:30', '2026-03-01T00:00:30.000Z'],
    ['2026-03-01T08:00:00Z', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T08:00:00.5Z', '2026-03-01T08:00:00.500Z'],
    ['2026-03-01T08:00:00+02:00', '2026-03-01T06:00:00.000Z'],
  ]
  for (const [text, value] of good) t.strictSame(instantOf(text, 480), { ok: true, value }, text)
  for (const text of [
    '',
    'now',
    '2026-02-30 08:00',
    '2026-13-01 08:00',
    '2026-03-01 24:00',
    '2026-03-01 08:60',
    '2026-03-01',
    '2026-03-01T25:00Z',
  ]) {
    t.match(instantOf(text, 480), { ok: false, error: { at: 'TIME' } }, text)
  }
})

await t.test('words become the orders of the contract', async (t) => {
  const replace = { address: '000000000007', initial: '0', witness: 'Li Wei' }
  const cases: readonly (readonly [OrderWords, object])[] = [
    [orderWords.disconnect('m1'), { kind: 'disconnect', meter: 'm1' }],
    [orderWords.permitToClose('m1'), { kind: 'permit-to-close', meter: 'm1' }],
    [
      orderWords.protect('m1', 'on', '2026-03-02 08:00'),
      { kind: 'protect', meter: 'm1', on: true, until: '2026-03-02T00:00:00.000Z' },
    ],
    [orderWords.protect('m1', 'off', undefined), { kind: 'protect', meter: 'm1', on: false, until: null }],
    [orderWords.alarm('m1', 'on'), { kind: 'alarm', meter: 'm1', on: true }],
    [orderWords.readNow('m1', ['0001FF00']), { kind: 'read-now', meter: 'm1', registers: ['0001FF00'] }],
    [orderWords.setClock('all'), { kind: 'set-clock', meter: 'all' }],
    [orderWords.setTime('2026-03-01T00:00:00Z'), { kind: 'set-time', at: '2026-03-01T00:00:00.000Z' }],
    [
      orderWords.replaceMeter('m1', { ...replace, final: '12.34' }),
      {
        kind: 'replace-meter',
        newAddress: '000000000007',
        finalEnergy: '12.34',
        initialEnergy: '0',
        at: '2026-03-01T02:00:00.000Z',
      },
    ],
    [
      orderWords.replaceMeter('m1', { ...replace, at: '2026-02-28 08:00' }),
      { finalEnergy: null, at: '2026-02-28T00:00:00.000Z' },
    ],
    [orderWords.setParameters('archive', { meters: [] }, undefined), { kind: 'set-parameters', name: 'archive', version: 5 }],
    [orderWords.setParameters('tasks', { tasks: [] }, undefined), { version: 1 }],
    [orderWords.setParameters('tasks', { tasks: [] }, '9'), { version: 9 }],
    [orderWords.replay('event', '1', '100'), { kind: 'replay', stream: 'event', first: 1, count: 100 }],
  ]
  for (const [words, expected] of cases) {
    t.match(body(words), expected)
    t.match(checkWords(words), { ok: true, value: { kind: /./ } }, 'the schema takes it')
  }
})

await t.test('slips are told before anybody asks for a PIN', async (t) => {
  const cases: readonly (readonly [OrderWords, string])[] = [
    [orderWords.alarm('m1', 'yes'), 'on|off'],
    [orderWords.protect('m1', 'on', 'tomorrow'), 'TIME'],
    [orderWords.protect('m1', 'maybe', undefined), 'on|off'],
    [orderWords.setTime('noon'), 'TIME'],
    [orderWords.disconnect('m 1'), 'meter'],
    [orderWords.readNow('m1', []), 'registers'],
    [orderWords.replaceMeter('m1', { address: '7', initial: 'much', witness: 'me' }), 'initialEnergy'],
    [orderWords.replaceMeter('m1', { address: '7', initial: '0', witness: 'me', at: 'then' }), 'TIME'],
    [orderWords.setParameters('secrets', {}, undefined), 'NAME'],
    [orderWords.setParameters('tasks', {}, 'two'), '--version'],
    [orderWords.setParameters('tasks', 'text', '2'), 'body'],
    [orderWords.replay('event', 'first', '1'), 'FIRST'],
    [orderWords.replay('event', '1', '-1'), 'COUNT'],
    [orderWords.replay('noise', '1', '1'), 'stream'],
  ]
  for (const [words, at] of cases) t.match(checkWords(words), { ok: false, error: { at, message: /./ } }, at)
})
