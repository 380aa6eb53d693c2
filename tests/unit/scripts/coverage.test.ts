import { join } from 'node:path'
import t from 'tap'
import { uncovered } from '../../../scripts/coverage.js'

const span = (line: number) => ({ start: { line, column: 0 }, end: { line, column: 9 } })

await t.test('what tests of pure folders leave out is told by line; types only are nothing to run', async (t) => {
  const root = t.testdir({
    src: {
      prepaid: { 'a.ts': '', 'b.ts': '', 'types.ts': '', 'full.ts': '' },
      protocols: { at: { 'codec.ts': '' } },
      store: { 'open.ts': '' },
    },
    dist: {
      src: {
        prepaid: {
          'a.js': 'export const a = 1\n',
          'b.js': 'export const b = 1\n',
          'types.js': '/** Only types. */\nexport {};\n//# sourceMappingURL=types.js.map\n',
          'full.js': 'export const c = 1\n',
        },
        protocols: { at: { 'codec.js': 'export const d = 1\n' } },
      },
    },
  })
  const covered = { statementMap: { 0: span(1) }, s: { 0: 1 }, fnMap: {}, f: {}, branchMap: {}, b: {} }
  const report = {
    [join(root, 'src/prepaid/full.ts')]: covered,
    [join(root, 'src/prepaid/a.ts')]: {
      statementMap: { 0: span(1), 1: span(4), 2: span(5), 3: span(9) },
      s: { 0: 1, 1: 0, 2: 0, 3: 0 },
      fnMap: { 0: { name: 'settle', decl: span(3) } },
      f: { 0: 0 },
      branchMap: { 0: { loc: span(7) }, 1: { loc: span(8) } },
      b: { 0: [1, 0], 1: [2] },
    },
  }
  t.same(uncovered(root, report), [
    'src/protocols/at/codec.ts: no test of its folder loads it',
    'src/prepaid/a.ts: lines 4–5, 9; functions settle (line 3); branches at lines 7',
    'src/prepaid/b.ts: no test of its folder loads it',
  ])
})
