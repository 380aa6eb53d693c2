import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import { dlt645Of1997 } from '../../../../src/protocols/dlt645-1997/index.js'
import { addressSearch } from '../../../../src/protocols/dlt645-1997/search-session.js'
import { answer, data, refusal, requestOf } from '../../../helpers/dlt645-1997.js'
import { busDown, exchangeOf, garbled, outcomeOf, silent, yielded } from '../../../helpers/dlt645.js'

const address = meterAddress('138000130754')
const pattern = 'AAAAAAAAAA54'
const reading = data('9010', '61720200')

await t.test('a pattern of high digits is asked by a wildcard read, and whoever answers is named by its frame', async (t) => {
  t.equal(dlt645Of1997.search, addressSearch)
  t.same(addressSearch.parts(pattern)[7], 'AAAAAAAA0754')
  t.ok(addressSearch.matches(pattern, address))
  t.strictSame(requestOf(addressSearch.ask(pattern)), { fn: 'read', di: '9010' })
  t.match(exchangeOf(addressSearch.ask(pattern)), { to: pattern, isWrite: false, holdsBus: false })
  t.same(outcomeOf(addressSearch.ask(pattern).step(answer(address, reading))), { kind: 'one', address })
  t.same(outcomeOf(addressSearch.ask(pattern).step(answer(address, refusal(2)))), { kind: 'one', address }, 'a refusal as well')
})

await t.test('a meter that echoes the wildcard is asked with more digits, until they are its own', async (t) => {
  t.same(outcomeOf(addressSearch.ask(pattern).step(answer(pattern, reading))), { kind: 'several' })
  t.same(outcomeOf(addressSearch.ask(address).step(answer(address, reading))), { kind: 'one', address })
})

await t.test('silence, a collision and a lost link are told apart', async (t) => {
  t.same(outcomeOf(addressSearch.ask(pattern).step(silent)), { kind: 'none' })
  t.same(outcomeOf(addressSearch.ask(pattern).step(garbled)), { kind: 'several' })
  t.same(outcomeOf(addressSearch.ask(pattern).step(busDown)), { kind: 'bus-down' })
  t.equal(exchangeOf(addressSearch.ask(pattern).step(yielded)).to, pattern)
})
