import type { AccountId, EventFact } from '../model/index.js'
import type { Effects, StoreCommands } from '../ports/index.js'
import { loadAccounts } from './account-check.js'
import type { Desk } from './desk.js'
import { DiskFullError } from './engine.js'
import { Ledgers } from './ledgers.js'
import { Round } from './round.js'
import { untoldSetting } from './untold.js'

type In = StoreCommands['configure']['in']
type Out = StoreCommands['configure']['out']

/** Puts parameters in force. The first time every account is read and proven; what does not hold is doubted, not stopped at. */
export function configure(desk: Desk, { parameters, stamp }: In): Out {
  const isFirst = desk.ledgers === null
  const ledgers = new Ledgers(parameters, desk.ledgers ?? undefined)
  const round = new Round(ledgers, desk.journal, stamp)
  const doubts = new Map<AccountId, string>()
  if (isFirst) {
    const loaded = loadAccounts({ engine: desk.engine, journal: desk.journal, table: desk.table, ledgers }, stamp)
    ledgers.replace(loaded.states)
    for (const [account, doubt] of loaded.doubts) doubts.set(account, doubt)
    desk.unreadable = loaded.unreadable.length
    round.facts.events.push(...found(desk, loaded.unreadable))
    if (desk.opened.events.length > 0) round.facts.settings.set(untoldSetting, null)
  }
  desk.ledgers = ledgers
  desk.engine.retention = parameters.retention
  const salvaged = isFirst ? desk.opened.doubt : null
  if (salvaged !== null) round.facts.settings.set('doubt', null)
  for (const state of ledgers.all()) {
    const reason = salvaged ?? doubts.get(state.account.id)
    if (reason !== undefined) round.decide(state, { kind: 'doubted', reason })
    round.decide(round.state(state.account.id) ?? state, { kind: 'parameters-changed' })
  }
  return { effects: settledAnyway(desk, round), moneySafe: desk.isMoneySafe() }
}

/** What the start found is told once, with the first stamp there is. */
function found(desk: Desk, unreadable: readonly string[]): readonly EventFact[] {
  const alarm = (code: string, detail: EventFact['detail']): EventFact => ({ code, severity: 'alarm', detail })
  return [
    ...desk.opened.events,
    ...unreadable.map((account) => alarm('account.unreadable', { account })),
    ...desk.journal.damaged.map((order) => alarm('order.unreadable', { order })),
    ...desk.parameterSets
      .inForce()
      .bad.map(({ name, version, fallback }) => alarm('parameters.damaged', { name, version, fallback })),
  ]
}

/** At the start a full disk must neither stop the box nor make it forget which accounts are in doubt. */
function settledAnyway(desk: Desk, round: Round): Effects {
  try {
    if (!round.facts.isEmpty) desk.commit(round.facts)
    return round.settle()
  } catch (error) {
    if (!(error instanceof DiskFullError)) throw error
    return round.settleStates()
  }
}
