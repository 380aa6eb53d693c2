import { countText } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'
import { linkViews, masterViews } from './status.js'
import type { CheckView, SelfTestView } from './views.js'

/** A commit that takes longer points to a dying disk: the wire waits for nothing else. */
export const commitMsMax = 2_000
/** Silent meters above this part of a link's are more than dead meters. */
const silentShareMax = 0.5

/** Looks at everything the box's work depends on. Changes nothing but that a record of the test is committed. */
export async function runSelfTest(backend: ConsoleBackend): Promise<SelfTestView> {
  const checks: CheckView[] = [
    ...(await storeChecks(backend)),
    ...(await accountChecks(backend)),
    ...diskChecks(backend),
    ...busChecks(backend),
    clockCheck(backend),
    ...collectionChecks(backend),
    credentialsCheck(backend),
    ...(await uplinkChecks(backend)),
    ...(await loopChecks(backend)),
  ]
  const failed = checks.filter(({ result }) => result === 'failed').map(({ check }) => check)
  const commitMs = await backend.noteSelfTest(failed)
  checks.push(check('commit', commitMs <= commitMsMax, `a record was on the disk after ${Math.round(commitMs)} ms`))
  return { ok: checks.every(({ result }) => result !== 'failed'), checks }
}

const check = (name: string, isGood: boolean, detail: string): CheckView => ({
  check: name,
  result: isGood ? 'ok' : 'failed',
  detail,
})
const warn = (name: string, isGood: boolean, detail: string): CheckView => ({
  check: name,
  result: isGood ? 'ok' : 'warning',
  detail,
})

async function storeChecks(backend: ConsoleBackend): Promise<readonly CheckView[]> {
  const { health } = await backend.query('health', {})
  return [
    check('store', health.synchronous === 'FULL', `synchronous ${health.synchronous}, schema ${health.schemaVersion}`),
    warn('store file', health.state !== 'salvaged', `${health.state} at the last start`),
    warn(
      'readings refused',
      health.refusedValues === 0,
      `${countText(health.refusedValues, 'value')} for want of room since the start`,
    ),
    check(
      'money safe',
      health.moneySafe,
      health.moneySafe ? 'all balances and chains agree' : 'some account is in doubt: see accounts',
    ),
  ]
}

async function accountChecks(backend: ConsoleBackend): Promise<readonly CheckView[]> {
  const { accounts } = await backend.query('accounts', {})
  const unverified = accounts.filter(({ account }) => !account.verified).map(({ account }) => account.id)
  const stopped = accounts.filter(({ account }) => account.pricingStopped !== null).map(({ account }) => account.id)
  const stuck = accounts.filter(({ account }) => account.relay.problem !== null).map(({ account }) => account.id)
  return [
    check('accounts verified', unverified.length === 0, few(unverified, countText(accounts.length, 'account'))),
    check('pricing', stopped.length === 0, few(stopped, 'stopped for none')),
    check('relays of accounts', stuck.length === 0, few(stuck, 'none refuses orders')),
  ]
}

function diskChecks(backend: ConsoleBackend): readonly CheckView[] {
  const { freeBytes, reserveBytes } = backend.disk()
  if (freeBytes === null) return []
  return [check('disk', freeBytes > reserveBytes, `${mebibytes(freeBytes)} free, ${mebibytes(reserveBytes)} must stay`)]
}

function busChecks(backend: ConsoleBackend): readonly CheckView[] {
  return linkViews(backend).flatMap(({ link, up, meters, silentMeters, replies, url }) => {
    const state = check(`link ${link}`, up, up ? `up, ${countText(replies, 'reply', 'replies')} since the start` : `down: ${url}`)
    const isHeard = silentMeters <= meters * silentShareMax
    return up && meters > 0 ? [state, warn(`meters of ${link}`, isHeard, `${silentMeters} of ${meters} silent`)] : [state]
  })
}

function clockCheck(backend: ConsoleBackend): CheckView {
  const { at, trusted } = backend.clock()
  return check('clock', trusted, `${trusted ? 'trusted' : 'not trusted: nothing is cut'}, ${new Date(at).toISOString()}`)
}

function collectionChecks(backend: ConsoleBackend): readonly CheckView[] {
  const collection = backend.collection()
  if (collection === null) return [check('collection', false, 'has not started')]
  const { waitsForClock, openSlots, pointsWaiting } = collection
  const detail = waitsForClock
    ? 'waits: the clock stands before the last record'
    : `${countText(openSlots, 'slot')} open, ${countText(pointsWaiting, 'point waits', 'points wait')}`
  return [check('collection', !waitsForClock, detail)]
}

function credentialsCheck(backend: ConsoleBackend): CheckView {
  const { withoutCredentials } = backend.site()
  return warn('relay credentials', withoutCredentials.length === 0, few(withoutCredentials, 'kept for all meters with a relay'))
}

async function uplinkChecks(backend: ConsoleBackend): Promise<readonly CheckView[]> {
  if (backend.site().masters === 0) return [warn('uplink', false, 'no master is configured')]
  const { extents } = await backend.query('extents', {})
  const masters = await masterViews(backend, extents)
  return masters.map(({ master, state, broker, waiting, lastError }) => {
    const rest = `${countText(waiting, 'record waits', 'records wait')}${lastError === null || state === 'online' ? '' : `; ${lastError}`}`
    return check(`uplink ${master}`, state === 'online', `${state}, ${broker}, ${rest}`)
  })
}

async function loopChecks(backend: ConsoleBackend): Promise<readonly CheckView[]> {
  const loops = await backend.loops()
  return loops.map(({ loop, turned }) => check(`loop ${loop}`, turned, turned ? 'turns' : 'stands still'))
}

/** The first names of a list, or what is said when it is empty. */
function few(names: readonly string[], none: string): string {
  if (names.length === 0) return none
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`
