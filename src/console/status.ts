import type { DayStatistics } from '../collection/index.js'
import { epochMs, startOfLocalDay } from '../model/index.js'
import type { MasterId, StreamExtent } from '../model/index.js'
import type { ConsoleBackend, ConsoleCollection } from './backend.js'
import type { AccountCounts, CollectionView, LinkView, MasterView, MetersView, StatusView, SuccessView } from './views.js'

/** How the box is, at one glance. */
export async function statusView(backend: ConsoleBackend): Promise<StatusView> {
  const site = backend.site()
  const { at, trusted, monotonic } = backend.clock()
  const { extents } = await backend.query('extents', {})
  const { health } = await backend.query('health', {})
  const { utcOffsetMinutes, concentrator } = site.parameters
  const collection = backend.collection()
  return {
    utcOffsetMinutes,
    concentrator,
    software: site.software,
    at,
    clockTrusted: trusted,
    upSeconds: Math.round((monotonic - site.startedAt) / 1000),
    moneySafe: health.moneySafe,
    parameterHash: site.parameterHash,
    links: linkViews(backend),
    collection: collection === null ? null : collectionView(collection, startOfLocalDay(at, utcOffsetMinutes)),
    accounts: await accountCounts(backend),
    openOrders: (await backend.query('open-orders', {})).orders.length,
    uplink: await masterViews(backend, extents),
    store: {
      state: health.state,
      fileBytes: health.fileBytes,
      freeBytes: backend.disk().freeBytes,
      pendingValues: health.pendingValues,
      refusedValues: health.refusedValues,
    },
  }
}

export async function metersView(backend: ConsoleBackend): Promise<MetersView> {
  const { meters, utcOffsetMinutes } = backend.site().parameters
  const seen = new Map((backend.collection()?.meters ?? []).map((meter) => [meter.meter, meter]))
  const { accounts } = await backend.query('accounts', {})
  const accountOf = new Map(
    accounts.filter(({ account }) => account.state !== 'closed').map(({ account }) => [account.meter, account.id]),
  )
  return {
    utcOffsetMinutes,
    meters: meters.map(({ id, address, link, profile, role, phase, box }) => {
      const state = seen.get(id)
      return {
        ...{ meter: id, address, link, profile, role, phase, box },
        lastReplyAt: state?.lastReplyAt ?? null,
        silent: state?.silent ?? false,
        clockDriftMs: state?.clockDriftMs ?? null,
        account: accountOf.get(id) ?? null,
      }
    }),
    unknown: backend.collection()?.unknown ?? [],
  }
}

export function linkViews(backend: ConsoleBackend): readonly LinkView[] {
  return backend.links().map(({ link, url, up, meters, silentMeters, queued, exchanges, replies, silent, garbled }) => {
    return { link, url, up, meters, silentMeters: silentMeters.length, queued, exchanges, replies, silent, garbled }
  })
}

/** How far each master has acknowledged: by what the store knows, not by what is under way. */
export async function masterViews(backend: ConsoleBackend, extents: readonly StreamExtent[]): Promise<readonly MasterView[]> {
  const views: MasterView[] = []
  for (const { master, state, since, broker, lastError, reconnects } of backend.uplink()) {
    const waiting = await waitingFor(master, extents, backend)
    views.push({ master, state, since: epochMs(since), broker, lastError, reconnects, waiting })
  }
  return views
}

async function waitingFor(master: MasterId, extents: readonly StreamExtent[], backend: ConsoleBackend): Promise<number> {
  const { cursors } = await backend.query('cursors', { master })
  const upTo = new Map(cursors.map((cursor) => [cursor.stream, cursor.upTo]))
  return extents.reduce((sum, { stream, lo, hi }) => sum + Math.max(0, hi - Math.max(upTo.get(stream) ?? 0, lo - 1)), 0)
}

function collectionView(collection: ConsoleCollection, today: number): CollectionView {
  const { waitsForClock, openSlots, pointsWaiting, pointsStored, pointsRefused, days } = collection
  const own = days.find(({ day }) => day === today)
  const { due, first, later, missing } = own?.total ?? { due: 0, first: 0, later: 0, missing: {} }
  const media = (own?.media ?? []).map((one) => ({
    medium: one.medium,
    ...successView(one),
    links: (own?.links ?? [])
      .filter(({ medium }) => medium === one.medium)
      .map((link) => ({ link: link.link, ...successView(link) })),
  }))
  const counts = { due, first, later, missing }
  return { waitsForClock, openSlots, pointsWaiting, pointsStored, pointsRefused, today: counts, media }
}

function successView({ total, latency, items }: DayStatistics['media'][number]): SuccessView {
  const { due, first, later, missing } = total
  const { p50Ms, p95Ms, p99Ms } = latency
  return { due, first, later, missing, latency: { p50Ms, p95Ms, p99Ms }, items }
}

async function accountCounts(backend: ConsoleBackend): Promise<AccountCounts> {
  const { accounts } = await backend.query('accounts', {})
  const byState: Record<string, number> = {}
  for (const { account } of accounts) byState[account.state] = (byState[account.state] ?? 0) + 1
  return {
    total: accounts.length,
    byState,
    unverified: accounts.filter(({ account }) => !account.verified).length,
    held: accounts.filter(({ guards }) => guards.length > 0).length,
  }
}
