import { join } from 'node:path'
import t from 'tap'
import coverageMap from '../../helpers/coverage-map.js'

/** The folders of `src` that a compiled test may count for; `testFile` as below `tests`. */
function foldersOf(testFile: string): string[] | null {
  const files = coverageMap(join(import.meta.dirname, '../..', testFile))
  return files === null ? null : [...new Set(files.map((file) => file.split('/src/')[1]?.split('/')[0] ?? '?'))]
}

await t.test('a test covers the pure folder it is named after, and nothing else', async (t) => {
  t.same(foldersOf('unit/prepaid/settle.test.js'), ['prepaid'])
  t.same(foldersOf('unit/protocols/dlt645/codec.test.js'), ['protocols'])
  t.same(foldersOf('property/dlt645-mutation.test.js'), ['protocols'])
  t.same(foldersOf('property/outbox.test.js'), ['outbox'])
  t.equal(foldersOf('unit/store/schema.test.js'), null)
  t.equal(foldersOf('contract/bus.test.js'), null)
  t.ok((foldersOf('property/whole-ledger.test.js')?.length ?? 0) > 3, 'a property of several folders counts for all')
})
