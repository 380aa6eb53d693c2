import type { AccountId, Stamp } from '../model/index.js'
import type { StoreCommands } from '../ports/index.js'
import { markSetting } from './chain-marks.js'
import { noEffects } from './desk.js'
import type { Desk } from './desk.js'
import { DiskFullError } from './engine.js'
import { Facts } from './facts.js'
import type { JournalRow } from './facts.js'
import { isOpenStage } from './journal.js'
import { journalOrder } from './orders.js'
import { commandOf } from './round.js'

type In<K extends keyof StoreCommands> = StoreCommands[K]['in']
type Out<K extends keyof StoreCommands> = StoreCommands[K]['out']

/** Journals an order; money and parameters take effect in the same transaction. A full disk refuses it and uses up no number. */
export function takeOrder(desk: Desk, input: In<'journal-order'>): Out<'journal-order'> {
  const ledgers = desk.inForce()
  const doubted = ledgers.all().filter(({ account }) => !account.verified)
  const round = desk.round(input.stamp)
  const { journal, table, parameterSets: parameters, limit } = desk
  const { commit, answer } = journalOrder({ journal, ledgers, table, parameters, limit }, round, input)
  try {
    if (commit) desk.commit(round.facts)
  } catch (error) {
    if (!(error instanceof DiskFullError)) throw error
    return { accepted: false, code: 'disk-full', message: error.message }
  }
  const effects = commit ? round.settle() : noEffects
  for (const { account } of doubted) markVerified(desk, account.id, input.stamp)
  if (input.order.body.kind === 'replace-meter') ledgers.forget(input.order.body.meter)
  return answer(effects)
}

/** Before a request leaves. */
export function startOrder(desk: Desk, { id, again, stamp }: In<'order-sending'>): Out<'order-sending'> {
  const row = openRow(desk, id)
  if (row === null || row.order.evidence['withdrawn'] === true) return { withdrawn: true }
  if (again === true) return {}
  const round = desk.round(stamp)
  const order = { ...row.order, stage: 'sending' as const, attempts: row.order.attempts + 1 }
  round.journal({ ...row, order }, { tell: false })
  desk.commit(round.facts)
  round.settle()
  return {}
}

/** After it: the stage reached; the account's rules hear of it. A finished order stays as it is. */
export function finishOrder(desk: Desk, input: In<'order-outcome'>): Out<'order-outcome'> {
  const row = openRow(desk, input.id)
  if (row === null) return { effects: noEffects }
  const { stage, relay, stamp } = input
  const needsSecurityChip = input.needsSecurityChip ?? false
  const effects = desk.rounds(stamp, (round) => {
    const evidence = { ...row.order.evidence, ...input.evidence, ...(needsSecurityChip ? { needsSecurityChip } : {}) }
    const attempts = input.attempts ?? row.order.attempts
    round.journal({ ...row, order: { ...row.order, stage, attempts, evidence } })
    const { body, origin } = row.order.order
    const command = commandOf(body)
    const state = 'meter' in body && body.meter !== 'all' ? round.ofMeter(body.meter) : null
    if (command === null || state === null) return
    const byRule = origin.by === 'rule'
    const tripUnderWay = relay?.contact === 'open' && round.tripUnderWay(state.account.meter)
    const end = { command, byRule, stage, relay: relay ?? null, needsSecurityChip, tripUnderWay }
    round.decide(state, { kind: 'order-finished', ...end })
  })
  return { effects }
}

/** A doubted account that is verified now: from its head on the chain is proven again, even if entries before it were lost. */
function markVerified(desk: Desk, account: AccountId, stamp: Stamp): void {
  const state = desk.inForce().get(account)?.account
  if (state === undefined || !state.verified) return
  const facts = new Facts(stamp)
  facts.settings.set(...markSetting(account, { number: state.entryCount, hash: state.chainHash, balance: state.balance }))
  desk.commit(facts)
}

/** @returns null when the order is finished. @throws RangeError when there is none */
function openRow(desk: Desk, id: number): JournalRow | null {
  const row = desk.journal.find(id)
  if (row === null) throw new RangeError(`there is no order ${id} in the journal`)
  return isOpenStage(row.order.stage) ? row : null
}
