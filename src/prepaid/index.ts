/** Prepaid accounts: tariffs, settlement, ledger, states. Pure: facts and circumstances in, one decision out. */
export { decide } from './decide.js'
export * from './decision.js'
export { checkEntry, entryHash, genesisHash, orderEntryKey, verifyChain, type ChainHead } from './ledger.js'
export { openAccount } from './opening.js'
export { rebuildLedger, viewAccount, type RebuildInput } from './rebuild.js'
export { billingReading, type BillingReadingResult } from './register.js'
export { checkTariff, checkTariffChange } from './tariff.js'
export { tariffBook, type BookedVersion, type TariffBook } from './tariff-book.js'
