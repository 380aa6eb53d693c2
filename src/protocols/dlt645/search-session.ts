import { meterAddress } from '../../model/index.js'
import type { MeterAddress } from '../../model/index.js'
import type { AddressSearch, SearchOutcome, Session } from '../../ports/index.js'
import { unansweredSearch } from '../wire/unanswered.js'
import { addressMatches, wildcardAddress } from './address.js'
import { settled } from '../wire/sessions.js'
import { ask } from './exchange.js'

/** The meter's own address (facts §8.4). Any answer will do, a refusal as well: the address stands in its frame. */
export const addressRegister = '04000401'

/**
 * Shortened addressing (facts §3): the low digits must match, AA in the high ones matches anything, reads only. Patterns are taken
 * apart by the lowest pair of digits that is still open; addresses with letters in them are not looked for.
 */
export const shortenedAddresses = {
  all: wildcardAddress,
  parts: partsOf,
  matches: (pattern, address) => addressMatches(pattern, address),
} satisfies Partial<AddressSearch>

export const addressSearch: AddressSearch = { ...shortenedAddresses, ask: askPattern }

function partsOf(pattern: string): readonly string[] {
  const end = /^((?:AA)*)AA/i.exec(pattern)?.[1]
  if (end === undefined) return []
  const known = pattern.slice(end.length + 2)
  return Array.from({ length: 100 }, (_, pair) => end + String(pair).padStart(2, '0') + known)
}

function askPattern(pattern: string): Session<SearchOutcome> {
  const address = meterAddress(pattern)
  const request = { fn: 'read', di: addressRegister, load: null } as const
  return ask({ address, repeats: 0, request, holdsBus: false, isWrite: false }, (answer) => {
    if (answer.kind === 'yielded') return askPattern(pattern)
    return answer.kind === 'answered'
      ? settled<SearchOutcome>({ kind: 'one', address: realAddress(answer.from) })
      : settled(unansweredSearch(answer))
  })
}

const realAddress = (from: string): MeterAddress => meterAddress(from.toUpperCase())
