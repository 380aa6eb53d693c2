import t from 'tap'
import { relaySighting } from '../../../src/collection/relay-sighting.js'
import { itemId, type RegisterValue } from '../../../src/model/index.js'

const word = (hex: string, names: readonly string[]): RegisterValue => ({ kind: 'bits', hex, names, unit: '' })

await t.test('a relay is seen in the named bits of its status word alone', async (t) => {
  const item = itemId('status-3')
  t.strictSame(relaySighting(item, [word('0000', [])]), { contact: 'closed', alarm: false, protected: false })
  t.strictSame(relaySighting(item, [word('0050', ['relay-open', 'pre-trip-alarm'])]), {
    contact: 'open',
    alarm: true,
    protected: false,
  })
  t.equal(relaySighting(item, [word('0010', [])]), null, 'bits that nobody names say nothing, least of all that supply is on')
  t.equal(relaySighting(item, [{ kind: 'text', text: '0010', unit: '' }]), null)
  t.equal(relaySighting(item, []), null)
  t.equal(relaySighting(itemId('energy'), [word('0000', [])]), null)
})
