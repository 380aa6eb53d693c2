import { meterAddress } from '../../model/index.js'
import type { AddressSearch, SearchOutcome, Session } from '../../ports/index.js'
import { unansweredSearch } from '../wire/unanswered.js'
import { hasWildcard } from '../dlt645/address.js'
import { settled } from '../wire/sessions.js'
import { shortenedAddresses } from '../dlt645/search-session.js'
import { ask } from './exchange.js'
import { searchRegister } from './find-session.js'

/**
 * Wildcard reads with AA in the high digits, as in the later edition (facts, first table). A meter that puts the wildcard of the
 * request where its own address belongs is asked with more and more digits, until only its own address is left; one whose own
 * address is filled with AA cannot be told from it and is not found.
 */
export const addressSearch: AddressSearch = { ...shortenedAddresses, ask: askPattern }

function askPattern(pattern: string): Session<SearchOutcome> {
  const request = { fn: 'read', di: searchRegister } as const
  return ask({ address: meterAddress(pattern), request, repeats: 0, holdsBus: false }, (answer) => {
    if (answer.kind === 'yielded') return askPattern(pattern)
    return answer.kind === 'answered' ? settled(namedBy(answer.from)) : settled(unansweredSearch(answer))
  })
}

/** A frame that carries the pattern itself does not say who spoke. */
const namedBy = (from: string): SearchOutcome =>
  hasWildcard(from) ? { kind: 'several' } : { kind: 'one', address: meterAddress(from) }
