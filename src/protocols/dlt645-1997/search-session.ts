import { meterAddress } from '../../model/index.js'
import type { AddressSearch, SearchOutcome, Session } from '../../ports/index.js'
import { hasWildcard } from '../dlt645/address.js'
import { settled } from '../dlt645/exchange.js'
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
    switch (answer.kind) {
      case 'answered':
        return settled<SearchOutcome>(
          hasWildcard(answer.from) ? { kind: 'several' } : { kind: 'one', address: meterAddress(answer.from) },
        )
      case 'garbled':
        return settled<SearchOutcome>({ kind: 'several' })
      case 'no-reply':
        return settled<SearchOutcome>({ kind: 'none' })
      case 'yielded':
        return askPattern(pattern)
      case 'bus-down':
        return settled<SearchOutcome>({ kind: 'bus-down' })
    }
  })
}
