import t from 'tap'
import { countTap } from '../../../scripts/tap-count.js'

const good = `TAP version 14
1..2
# Subtest: dist/a.test.js
    # Subtest: one
        ok 1 - should be equal
        ok 2 - it is not ok - no
        1..2
    ok 1 - one # time=3.9ms

    ok 2 - alone
    1..2
    # time=16ms
ok 1 - dist/a.test.js # time=16ms

# Subtest: dist/b.test.js
    ok 1 - x
    1..1
ok 2 - dist/b.test.js # time=1ms
`

await t.test('single assertions are counted, not the lines of their groups', async (t) => {
  t.match(countTap(good), { passed: 4, failed: 0, failures: [], skipped: [] })
})

await t.test('a failure is counted once, with the way to it and its diagnostics', async (t) => {
  const text = `TAP version 14
# Subtest: dist/a.test.js
    # Subtest: one
        ok 1 - fine
        not ok 2 - should be equal
          ---
          diff: |
            ok 9 - this is text
          ...

        1..2
    not ok 1 - one # time=20ms
      ---
      at: here
      ...

    1..1
not ok 1 - dist/a.test.js # time=44ms
  ---
  exitCode: 1
  ...

1..1
`
  const count = countTap(text)
  t.match(count, { passed: 1, failed: 1, failures: [{ path: 'dist/a.test.js > one > should be equal' }] })
  t.same(count.failures[0]?.diagnostics, ['          diff: |', '            ok 9 - this is text'])
})

await t.test('a file that crashed, ran into its time limit or asserts nothing is a failure', async (t) => {
  const text = `TAP version 14
# Subtest: dist/crash.test.js
    ok 1 - fine
    1..1
not ok 1 - dist/crash.test.js # time=44ms
  ---
  exitCode: 3
  ...

# Subtest: dist/boom.test.js
    1..0 # no tests found
not ok 2 - dist/boom.test.js # time=751ms
# Subtest: dist/empty.test.js
    1..0 # no tests found
ok 3 - dist/empty.test.js # SKIP no tests found
1..3
`
  const count = countTap(text)
  t.match(count, { passed: 1, failed: 3 })
  t.same(
    count.failures.map(({ path }) => path),
    ['dist/crash.test.js', 'dist/boom.test.js', 'dist/empty.test.js'],
  )
})

await t.test('what is left out is neither passed nor failed, but told', async (t) => {
  const text = `TAP version 14
# Subtest: dist/a.test.js
    ok 1 - the unit # SKIP systemd-analyze is not installed
    not ok 2 - later # TODO
    # Subtest: group
        1..0 # no broker here
    ok 3 - group # SKIP no broker here
    ok 4 - x
    1..4
ok 1 - dist/a.test.js # time=1ms
`
  const count = countTap(text)
  t.match(count, { passed: 1, failed: 0 })
  t.same(count.skipped, [
    'dist/a.test.js > the unit # SKIP systemd-analyze is not installed',
    'dist/a.test.js > later # TODO',
    'dist/a.test.js > group # SKIP no broker here',
  ])
})
