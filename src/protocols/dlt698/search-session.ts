import { meterAddress } from '../../model/index.js'
import type { AddressSearch, SearchOutcome, Session } from '../../ports/index.js'
import { unansweredSearch } from '../wire/unanswered.js'
import { addressMatches, hasWildcard, wildcardAddress } from './address.js'
import { addressRegister } from './clock-session.js'
import { settled } from '../wire/sessions.js'
import { ask } from './exchange.js'
import { piidOf } from './question.js'

/**
 * Wildcard addresses, each digit A of which matches anything (facts §1, §3). Patterns are taken apart by the lowest digit that is
 * still open; only addresses of six bytes are looked for, the usual length.
 */
export const addressSearch: AddressSearch = {
  all: wildcardAddress,
  parts: partsOf,
  matches: (pattern, address) => addressMatches(pattern, address),
  ask: askPattern,
}

function partsOf(pattern: string): readonly string[] {
  const at = pattern.toUpperCase().lastIndexOf('A')
  if (at < 0) return []
  return Array.from({ length: 10 }, (_, digit) => pattern.slice(0, at) + String(digit) + pattern.slice(at + 1))
}

/** Any answer will do, a refusal as well: the address stands in its frame. */
function askPattern(pattern: string): Session<SearchOutcome> {
  const request = { kind: 'get-one', piid: piidOf(addressRegister), oad: addressRegister, timeTag: null } as const
  const question = { address: meterAddress(pattern), request, repeats: 0, holdsBus: false, isWrite: false } as const
  return ask(question, (answer) => {
    if (answer.kind === 'yielded') return askPattern(pattern)
    return answer.kind === 'answered' ? settled(namedBy(answer.from)) : settled(unansweredSearch(answer))
  })
}

/** A frame that carries the pattern itself does not say who spoke. */
const namedBy = (from: string): SearchOutcome =>
  hasWildcard(from) ? { kind: 'several' } : { kind: 'one', address: meterAddress(from) }
