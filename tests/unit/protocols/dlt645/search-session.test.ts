import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { SearchOutcome, Session } from '../../../../src/ports/index.js'
import { addressSearch } from '../../../../src/protocols/dlt645/search-session.js'
import { encodeReply, dlt645 } from '../../../../src/protocols/dlt645/index.js'

const data = Uint8Array.of(0x12, 0x90, 0x78, 0x56, 0x34, 0x12)
const reply = (from: string) => encodeReply(from, { kind: 'reply', fn: 'read', di: '04000401', data, more: false })

function outcomeOf(session: Session<SearchOutcome>): SearchOutcome | null {
  const { effect } = session
  return effect.kind === 'settled' ? effect.outcome : null
}
const askOnce = (pattern: string, input: Parameters<Session<SearchOutcome>['step']>[0]) =>
  outcomeOf(addressSearch.ask(pattern).step(input))

await t.test('patterns are taken apart by the lowest open pair of digits, down to one address', async (t) => {
  t.equal(dlt645.search, addressSearch)
  t.equal(addressSearch.all, 'AAAAAAAAAAAA')
  const parts = addressSearch.parts('AAAAAAAAAAAA')
  t.equal(parts.length, 100)
  t.same([parts[0], parts[99]], ['AAAAAAAAAA00', 'AAAAAAAAAA99'])
  t.same(addressSearch.parts('AAAAAAAAAA07')[42], 'AAAAAAAA4207')
  t.same(addressSearch.parts('AA9012345678')[0], '009012345678')
  t.same(addressSearch.parts('129012345678'), [])
  t.ok(addressSearch.matches('AAAAAAAAAA07', meterAddress('000000000107')))
  t.notOk(addressSearch.matches('AAAAAAAAAA07', meterAddress('000000000170')))
})

await t.test('a pattern is read by the shortened address, and whoever answers is named by its frame', async (t) => {
  const { effect } = addressSearch.ask('AAAAAAAAAA12')
  if (effect.kind !== 'exchange') throw new Error('nothing is asked')
  t.equal(Buffer.from(effect.bytes).toString('hex').toUpperCase(), 'FEFEFEFE6812AAAAAAAAAA681104343733371E16')
  t.match(effect, { to: 'AAAAAAAAAA12', isWrite: false, holdsBus: false })
  t.same(askOnce('AAAAAAAAAA12', { kind: 'reply', frame: reply('123456789012') }), { kind: 'one', address: '123456789012' })
  const refusal = encodeReply('123456789012', { kind: 'refusal', fn: 'read', word: 2, bytes: 1 })
  t.same(
    askOnce('AAAAAAAAAA12', { kind: 'reply', frame: refusal }),
    { kind: 'one', address: '123456789012' },
    'a refusal as well',
  )
})

await t.test('silence, a collision and a lost link are told apart', async (t) => {
  t.same(askOnce('AAAAAAAAAA12', { kind: 'silent' }), { kind: 'none' })
  t.same(askOnce('AAAAAAAAAA12', { kind: 'garbled', bytes: Uint8Array.of(1, 2, 3) }), { kind: 'several' })
  t.same(askOnce('AAAAAAAAAA12', { kind: 'reply', frame: reply('123456789099') }), { kind: 'several' }, 'not of this pattern')
  t.same(askOnce('AAAAAAAAAA12', { kind: 'bus-down', sent: false }), { kind: 'bus-down' })
  t.equal(addressSearch.ask('AAAAAAAAAA12').step({ kind: 'yielded' }).effect.kind, 'exchange')
})
