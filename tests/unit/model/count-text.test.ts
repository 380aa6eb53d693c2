import t from 'tap'
import { countText } from '../../../src/model/index.js'

await t.test('one stands in the singular, everything else in the plural', (t) => {
  t.equal(countText(1, 'problem'), '1 problem')
  t.equal(countText(0, 'problem'), '0 problems')
  t.equal(countText(12, 'entry', 'entries'), '12 entries')
  t.equal(countText(1, 'value is', 'values are'), '1 value is')
  t.end()
})
