import { accountId, meterId, micro, streams, type AccountLimits } from '../../src/model/index.js'
import { accounts, gaps } from '../master-station/report.js'
import { concentrator, pause, setStage, type Stage } from './stage.js'

export interface Telling {
  readonly say: (line: string) => void
  /** Monotonic time before which the demonstration does not end. */
  readonly until: () => number
}

const account = accountId('A-1')
const meter = meterId('m1-001')
const yuan = (text: number) => micro(BigInt(Math.round(text * 1_000_000)))
const limits: AccountLimits = {
  alarm1: yuan(0.5),
  alarm2: yuan(0.25),
  overdraft: yuan(0),
  closePermitted: yuan(0.1),
  hoarding: yuan(50),
  largestCredit: yuan(20),
}
const opening = 0.8
const payment = 2
const loadWatts = 12_000
const outageMs = 6_000

/** @returns whether everything the story claims was found true */
export async function tellStory(telling: Telling): Promise<boolean> {
  const stage = await setStage()
  try {
    return await tell(stage, telling)
  } finally {
    await stage.close()
  }
}

async function tell(stage: Stage, { say, until }: Telling): Promise<boolean> {
  const { station, area } = stage
  say(`40 simulated meters on 2 buses (9600 baud), an embedded broker and a master station stand on loopback`)
  await stage.startDaemon()
  say('the daemon is ready')
  await reached('every meter is read', () => metersRead(stage) === 40)
  say(`40 of 40 meters are read; the master has ${countOf(stage, 'curve')} readings`)
  await prepay(stage, say)
  await outage(stage, say)
  while (performance.now() < until() - 6_000) await pause(500)
  await stage.stopDaemon()
  say('the daemon has stopped cleanly')
  const trips = area.relayActions(meter).filter((action) => action.command === 'trip' && action.accepted).length
  return (
    (await proveDelivery(stage, say)) &&
    told(say, trips === 1, `the relay was tripped ${trips} time${trips === 1 ? '' : 's'} by 1 order`) &&
    station.archive.all('SELECT 1 FROM poison').length === 0
  )
}

/** Credit runs out; warning, cut, payment, permission, button. */
async function prepay(stage: Stage, say: Telling['say']): Promise<void> {
  const { area } = stage
  await ordered(stage, { kind: 'open-account', account, meter, unit: 'money', tariff: 'demo', limits, opening: yuan(opening) })
  area.setWatts(meter, loadWatts)
  say(`account ${account} is opened with ${opening.toFixed(2)} yuan; its customer uses ${loadWatts / 1000} kW at 8.00 yuan/kWh`)
  for (const state of ['alarm1', 'alarm2', 'disconnected']) {
    await reached(`the account is ${state}`, () => transitions(stage).some(({ to }) => to === state))
    say(`${words[state] ?? state}: balance ${transitions(stage).find(({ to }) => to === state)?.balance ?? '?'} yuan`)
  }
  await reached('the contact is open', () => area.relayActions(meter).at(-1)?.contactAfter === 'open')
  await ordered(stage, { kind: 'credit', account, amount: yuan(payment), purchase: 1, idempotencyKey: 'receipt-1' })
  say(`the customer pays ${payment.toFixed(2)} yuan at the master`)
  await reached('closing is permitted', () => transitions(stage).some(({ to }) => to === 'may-close'))
  await reached('the button works', () => area.press(meter))
  say('closing is permitted; the customer presses the button and has supply again')
  area.setWatts(meter, null)
  await reached('the account is normal', () => transitions(stage).at(-1)?.to === 'normal')
  say(`the account is normal again: balance ${transitions(stage).at(-1)?.balance ?? '?'} yuan`)
}

async function outage(stage: Stage, say: Telling['say']): Promise<void> {
  const before = countOf(stage, 'curve')
  await stage.takeNetwork()
  say('the network is taken away; reading and prepayment go on')
  await pause(outageMs)
  await stage.returnNetwork()
  say(`the network is back after ${outageMs / 1000} s`)
  await reached('the backlog arrives', () => countOf(stage, 'curve') > before + 40)
  await settled(stage)
  say(`the backlog has arrived: ${countOf(stage, 'curve') - before} readings more at the master`)
}

/** Compares what the master took in with what the daemon's file holds, number by number and entry by entry. */
async function proveDelivery(stage: Stage, say: Telling['say']): Promise<boolean> {
  const { archive } = stage.station
  const { extents, entries } = await stage.readDatabase()
  const held = extents.reduce((sum, { hi }) => sum + hi, 0)
  const missing = streams.map((stream) => (extents.find((extent) => extent.stream === stream)?.hi ?? 0) - countOf(stage, stream))
  const lines = streams.map((stream) => `${stream} ${countOf(stage, stream)}`).join(', ')
  const complete = told(
    say,
    missing.every((count) => count === 0) && gaps(archive).length === 0,
    `all ${held} records are at the master, each once: ${lines}`,
  )
  const [copy] = accounts(archive)
  const own = entries.reduce((sum, entry) => sum + entry.amount, 0n)
  const last = entries.at(-1)
  const agrees = copy?.['hash'] === last?.hash && own === last?.balanceAfter && copy?.['chain'] === 'ok'
  return (
    told(
      say,
      agrees,
      `ledger: ${entries.length} entries, balance ${String(copy?.['balance'])} yuan = Σ entries = the master’s copy, chain ${String(copy?.['chain'])}`,
    ) && complete
  )
}

function told(say: Telling['say'], isTrue: boolean, claim: string): boolean {
  say(`${isTrue ? 'yes' : 'NO '}  ${claim}`)
  return isTrue
}

const words: Readonly<Record<string, string>> = {
  alarm1: 'warned (alarm 1)',
  alarm2: 'warned again (alarm 2)',
  disconnected: 'cut, and read back as open',
}

async function ordered(stage: Stage, body: Parameters<Stage['station']['order']>[1]): Promise<void> {
  const { id } = stage.station.order(concentrator, body)
  await reached(`the order ${body.kind} is done`, () => {
    const row = stage.station.orderState(id)
    if (row?.state === 'refused') throw new Error(`the order ${body.kind} was refused: ${String(row.evidence)}`)
    return row?.stage === 'done'
  })
}

interface Transition {
  readonly to: string
  readonly balance: string
}

/** As the master knows them, from its own file. */
function transitions(stage: Stage): readonly Transition[] {
  return stage.station.archive
    .all<{ to: string; balance: string }>(
      `SELECT json_extract(body, '$.detail.to') AS "to", json_extract(body, '$.detail.balance') AS balance
       FROM record WHERE stream = 'event' AND json_extract(body, '$.code') = 'account.transition' ORDER BY seq`,
    )
    .map(({ to, balance }) => ({ to, balance: String(balance) }))
}

function metersRead(stage: Stage): number {
  const [row] = stage.station.archive.all<{ n: number }>(
    `SELECT count(DISTINCT json_extract(body, '$.meter')) AS n FROM record WHERE stream = 'curve'`,
  )
  return row?.n ?? 0
}

function countOf(stage: Stage, stream: string): number {
  const [row] = stage.station.archive.all<{ n: number }>('SELECT count(*) AS n FROM record WHERE stream = ?', [stream])
  return row?.n ?? 0
}

/** Nothing new has come for a moment. */
async function settled(stage: Stage): Promise<void> {
  for (let before = -1, now = 0; before !== now;) {
    before = now
    await pause(1_000)
    now = countOf(stage, 'curve')
  }
}

const patienceMs = 90_000

async function reached(what: string, isReached: () => boolean): Promise<void> {
  for (let waited = 0; waited < patienceMs; waited += 100) {
    if (isReached()) return
    await pause(100)
  }
  throw new Error(`waited ${patienceMs / 1000} s in vain until ${what}`)
}
