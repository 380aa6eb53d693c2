import t from 'tap'
import fc from 'fast-check'
import { meterAddress } from '../../../src/model/index.js'
import type { SearchOutcome } from '../../../src/ports/index.js'
import {
  beginSearch,
  nextPattern,
  searchStep,
  SEARCH_ASKED_MAX,
  type SearchPlan,
  type SearchState,
} from '../../../src/collection/index.js'

/** Addresses of four digits, taken apart from the end: `**12` means all that end in 12. */
const patterns: SearchPlan['patterns'] = {
  all: '****',
  parts: (pattern) => {
    const open = pattern.lastIndexOf('*')
    if (open < 0) return []
    return Array.from({ length: 10 }, (_, digit) => pattern.slice(0, open) + digit + pattern.slice(open + 1))
  },
  matches: (pattern, address) => [...pattern].every((digit, index) => digit === '*' || digit === address[index]),
}
const plan = (known: readonly string[], askedMax = SEARCH_ASKED_MAX): SearchPlan => ({
  patterns,
  known: known.map(meterAddress),
  askedMax,
})

/** A wire on which all that are meant speak at once. */
function wire(present: readonly string[]) {
  return (pattern: string): SearchOutcome => {
    const heard = present.filter((address) => patterns.matches(pattern, meterAddress(address)))
    if (heard.length === 0) return { kind: 'none' }
    return heard.length === 1 ? { kind: 'one', address: meterAddress(heard[0] ?? '') } : { kind: 'several' }
  }
}

function search(own: SearchPlan, answer: (pattern: string) => SearchOutcome): { state: SearchState; asked: string[] } {
  const asked: string[] = []
  let state = beginSearch(own)
  for (let pattern = nextPattern(state); pattern !== null; pattern = nextPattern(state)) {
    asked.push(pattern)
    state = searchStep(state, answer(pattern), own)
  }
  return { state, asked }
}

await t.test('on an empty bus one question is enough, and one more finds a single meter', async (t) => {
  t.same(search(plan([]), wire([])).asked, ['****'])
  const { state, asked } = search(plan([]), wire(['0042']))
  t.same(state.unknown, ['0042'])
  t.same(asked, ['****'])
})

await t.test('several meters are told apart digit by digit', async (t) => {
  const { state, asked } = search(plan([]), wire(['0042', '0043', '1042']))
  t.same([...state.unknown].sort(), ['0042', '0043', '1042'])
  t.same(asked.slice(0, 3), ['****', '****', '***0'], 'a collision is asked for twice: it may have been noise')
  t.notOk(state.isGivenUp)
})

await t.test('meters of the archive are not asked for alone, and patterns that mean several of them not at all', async (t) => {
  const known = ['0001', '0002', '0012']
  const { state, asked } = search(plan(known), wire([...known, '7702']))
  t.same(state.unknown, ['7702'])
  t.notOk(asked.some((pattern) => known.includes(pattern)))
  t.notOk(asked.includes('****') || asked.includes('***2'))
  t.same(search(plan(['0001']), wire(['0001'])).state.unknown, [])
})

await t.test('noise is asked again, a bus that is down too, and a foreign answer counts as several', async (t) => {
  let count = 0
  const noisy = search(plan([]), (pattern) => (count++ === 0 ? { kind: 'several' } : wire(['0042'])(pattern)))
  t.same(noisy.state.unknown, ['0042'])
  t.equal(noisy.asked.length, 2)
  const begun = beginSearch(plan([]))
  t.equal(searchStep(begun, { kind: 'bus-down' }, plan([])), begun)
  const foreign = searchStep(begun, { kind: 'one', address: meterAddress('9999') }, plan([]))
  t.ok(foreign.unknown.includes(meterAddress('9999')))
  const strayed = search(plan([]), (pattern) =>
    pattern === '***0' ? { kind: 'one', address: meterAddress('9999') } : wire(['0042', '0043'])(pattern),
  )
  t.same(strayed.state.unknown, ['0042', '0043'])
  t.equal(strayed.asked.filter((pattern) => pattern === '***0').length, 2)
})

await t.test('two meters with one address are told as that', async (t) => {
  const { state } = search(plan([]), (pattern) =>
    patterns.matches(pattern, meterAddress('0042')) ? { kind: 'several' } : { kind: 'none' },
  )
  t.same(state.shared, ['0042'])
  t.same(state.unknown, [])
})

await t.test('a bus that only babbles is given up', async (t) => {
  const { state, asked } = search(plan([], 100), () => ({ kind: 'several' }))
  t.ok(state.isGivenUp)
  t.equal(asked.length, 100)
  t.equal(nextPattern(state), null)
  const last = search(plan([], 1), wire(['0042'])).state
  t.same([last.unknown, last.isGivenUp], [['0042'], true])
  const ended = search(plan([]), wire([])).state
  t.equal(searchStep(ended, { kind: 'none' }, plan([])), ended, 'what has ended stays so')
})

await t.test('whatever hangs on the bus: every unknown meter is found and nobody else', async (t) => {
  const address = fc.integer({ min: 0, max: 9999 }).map((value) => String(value).padStart(4, '0'))
  fc.assert(
    fc.property(
      fc.uniqueArray(address, { maxLength: 40 }),
      fc.nat(40),
      fc.uniqueArray(address, { maxLength: 5 }),
      (present, split, gone) => {
        const known = [...present.slice(0, split), ...gone.filter((one) => !present.includes(one))]
        const { state, asked } = search(plan(known), wire(present))
        const want = present.slice(split)
        if (JSON.stringify([...state.unknown].sort()) !== JSON.stringify([...want].sort()))
          throw new Error(`found ${state.unknown.join()}`)
        // Each known or unknown meter costs at most its way down, twice asked, and the silent neighbours on it.
        return !state.isGivenUp && asked.length <= 2 + (present.length + known.length) * 4 * 11
      },
    ),
    { numRuns: 300 },
  )
  t.pass('300 buses')
})
