import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import { dlt698 } from '../../../../src/protocols/dlt698/index.js'
import { addressSearch } from '../../../../src/protocols/dlt698/search-session.js'
import {
  busDown,
  exchangeOf,
  garbled,
  meterFrame,
  outcomeOf,
  reply,
  requestOf,
  sentFrame,
  silent,
  yielded,
} from '../../../helpers/dlt698.js'

const address = meterAddress('007501061225')
const pattern = 'AAAAAAAAAA25'
/** GET-Response-Normal 4001 0200 with PIID 00: an octet string of six bytes, no report, no time tag. */
const own = '85010040010200010906007501061225' + '0000'
const piid = (hex: string) => {
  const { effect } = addressSearch.ask(pattern)
  if (effect.kind !== 'exchange') throw new Error('nothing is asked')
  const request = requestOf(addressSearch.ask(pattern))
  if (request.kind !== 'get-one') throw new Error('another request')
  return hex.slice(0, 4) + request.piid.toString(16).padStart(2, '0') + hex.slice(6)
}

await t.test('patterns are taken apart by the lowest open digit, down to one address', async (t) => {
  t.equal(dlt698.search, addressSearch)
  t.same(
    addressSearch.parts(addressSearch.all),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => `AAAAAAAAAAA${digit}`),
  )
  t.equal(addressSearch.parts(pattern)[7], 'AAAAAAAAA725')
  t.same(addressSearch.parts(address), [])
  t.ok(addressSearch.matches(pattern, address))
  t.notOk(addressSearch.matches('AAAAAAAAAA26', address))
})

await t.test('a pattern is asked as a wildcard address, and whoever answers is named by its frame', async (t) => {
  t.match(exchangeOf(addressSearch.ask(pattern)), { to: pattern, isWrite: false, holdsBus: false })
  t.match(sentFrame(addressSearch.ask(pattern)).server, { kind: 'wildcard', digits: pattern })
  const found = addressSearch.ask(pattern).step(reply(meterFrame(address, piid(own))))
  t.same(outcomeOf(found), { kind: 'one', address })
  const refused = addressSearch.ask(pattern).step(reply(meterFrame(address, piid('85010040010200' + '0003' + '0000'))))
  t.same(outcomeOf(refused), { kind: 'one', address }, 'a refusal as well')
  const hidden = addressSearch.ask(pattern).step(reply(meterFrame(pattern, piid(own))))
  t.same(outcomeOf(hidden), { kind: 'several' }, 'a frame with the pattern in it does not say who spoke')
})

await t.test('silence, a collision and a lost link are told apart', async (t) => {
  t.same(outcomeOf(addressSearch.ask(pattern).step(silent)), { kind: 'none' })
  t.same(outcomeOf(addressSearch.ask(pattern).step(garbled)), { kind: 'several' })
  t.same(outcomeOf(addressSearch.ask(pattern).step(busDown)), { kind: 'bus-down' })
  t.equal(exchangeOf(addressSearch.ask(pattern).step(yielded)).to, pattern)
})
