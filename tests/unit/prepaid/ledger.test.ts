import t from 'tap'
import { createHash } from 'node:crypto'
import { micro, type LedgerEntry } from '../../../src/model/index.js'
import { emptyChain, entryHash, genesisHash, verifyChain } from '../../../src/prepaid/index.js'
import { AccountCase } from '../../helpers/prepaid-case.js'

function story(): AccountCase {
  const story = new AccountCase()
  story.read('101', '2026-03-02 10:00')
  story.credit('20')
  story.read('103', '2026-03-02 11:00')
  story.credit('20')
  return story
}

const changed = (entries: readonly LedgerEntry[], index: number, change: Partial<LedgerEntry>) =>
  entries.map((entry, place) => (place === index ? { ...entry, ...change } : entry))

/** An entry changed and hashed anew: only what is wrong inside it shows. */
function rehashed(entries: readonly LedgerEntry[], index: number, change: Partial<LedgerEntry>): LedgerEntry[] {
  return changed(entries, index, change).map((entry, place) => (place === index ? { ...entry, hash: entryHash(entry) } : entry))
}

await t.test('a ledger that grew by decisions checks', async (t) => {
  const { entries, account } = story()
  t.same(
    entries.map((entry) => entry.kind),
    ['open', 'charge', 'credit', 'charge', 'credit'],
  )
  const checked = verifyChain(entries)
  t.same(checked, { ok: true, value: { number: 5, hash: account.chainHash, balance: account.balance } })
  const [first, ...rest] = entries
  if (first === undefined) throw new Error('the ledger has entries')
  t.ok(verifyChain(rest, { number: 1, hash: first.hash, balance: first.balanceAfter }).ok, 'from any head on')
  t.same(verifyChain([]), { ok: true, value: emptyChain })
})

await t.test('every kind of fault is named with its entry', async (t) => {
  const { entries } = story()
  const codeOf = (list: readonly LedgerEntry[]) => {
    const checked = verifyChain(list)
    return checked.ok ? 'ok' : `${checked.error.code} ${checked.error.at}`
  }
  t.equal(codeOf(entries.filter((_entry, index) => index !== 1)), 'entry-missing A1/3')
  t.equal(codeOf(changed(entries, 1, { previousHash: genesisHash })), 'chain-broken A1/2')
  t.equal(codeOf(changed(entries, 1, { amount: micro(-1n) })), 'hash-wrong A1/2')
  t.equal(codeOf(rehashed(entries, 1, { amount: micro(-1n) })), 'balance-wrong A1/2')
  t.equal(codeOf(rehashed(entries, 1, { energyCarry: -1n })), 'carry-wrong A1/2')
  t.equal(codeOf(rehashed(entries, 1, { taxCarry: 1_000_000n })), 'carry-wrong A1/2')
})

await t.test('the hash is over the documented bytes', async (t) => {
  const [, charge] = story().entries
  if (charge === undefined) throw new Error('the second entry is a charge')
  const { stamp } = charge
  const pieces = charge.pieces.map(
    (piece) =>
      `["${piece.from}","${piece.to}","${piece.fromEnergy}","${piece.toEnergy}","1","1","600000",${piece.estimated},false]`,
  )
  const text =
    `["wattkeep-entry-1","A1","2","charge","charge:A1:2","${charge.amount}","${charge.balanceAfter}","${charge.at}",` +
    `["${stamp.receivedAt}",true,"boot-1","${stamp.monotonicMs}"],[${pieces.join()}],"0","0","0","","${charge.previousHash}"]`
  t.equal(charge.hash, createHash('sha256').update(text, 'utf8').digest('hex'))
})
